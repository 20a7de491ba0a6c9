const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes as people read it: "1.5 GiB". */
export function size(bytes: number, language: string): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = value < 10 && unit > 0 ? 1 : 0;
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value)} ${units[unit]}`;
}

const suffixes: Record<string, number> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  m: 1e-3,
  '': 1,
};

/** A Kubernetes quantity in bytes; undefined when it is none. */
export function quantity(text: string | number | undefined): number | undefined {
  if (typeof text === 'number') return text;
  const match = /^([0-9.]+)([A-Za-z]*)$/.exec(text ?? '');
  const factor = suffixes[match?.[2] ?? ''];
  return match && factor !== undefined ? Number(match[1]) * factor : undefined;
}
