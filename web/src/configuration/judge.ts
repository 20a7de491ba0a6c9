import { Validator, type OutputUnit, type Schema } from '@cfworker/json-schema';
import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document, type Node, type ParsedNode } from 'yaml';
import type { Cause } from '../api/meta';
import { plain } from '../settings/refusal';
import spec from './cluster.schema.gen.json';

/** Something wrong with a manifest, and where. */
export interface Problem {
  from: number;
  to: number;
  line: number;
  /** What is wrong; a field that does not exist is named instead. */
  message: string;
  unknown?: string;
}

/** A manifest as it was read. */
export interface Judged {
  document: Document<ParsedNode>;
  lines: LineCounter;
  problems: Problem[];
}

/** What must not be changed: it names the object. */
export interface Fixed {
  name: string;
  namespace: string;
}

type Path = (string | number)[];

/** Reads a manifest and judges it by the schema of the API. What depends on several fields only the API itself knows. */
export function judge(text: string, fixed: Fixed): Judged {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const judged: Judged = { document, lines, problems: [] };
  for (const { pos, message } of document.errors) judged.problems.push(at(judged, pos[0], pos[1], message));
  if (judged.problems.length > 0) return judged;
  const { errors } = new Validator(whole(fixed), '7', false).validate(document.toJS());
  for (const error of errors) {
    const path = pathOf(error.instanceLocation);
    if (derived.has(error.keyword)) continue;
    const found = locate(judged, path, says(error));
    if (error.keyword === 'false') found.unknown = String(path.at(-1) ?? '');
    judged.problems.push(found);
  }
  return judged;
}

/** Puts what the API says of fields to where they stand. */
export function place(judged: Judged, causes: Cause[]): Problem[] {
  return causes.map(({ field = '', message = '' }) => locate(judged, fieldPath(field), plain(message)));
}

/** What follows from the errors of the parts. */
const derived = new Set(['properties', 'items', 'additionalProperties', 'patternProperties']);

function whole({ name, namespace }: Fixed): Schema {
  return {
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    additionalProperties: false,
    properties: {
      apiVersion: { const: 'holdfast.dev/v1alpha1' },
      kind: { const: 'Cluster' },
      metadata: {
        type: 'object',
        required: ['name', 'namespace'],
        additionalProperties: false,
        properties: { name: { const: name }, namespace: { const: namespace } },
      },
      spec: spec as Schema,
    },
  };
}

function says({ error }: OutputUnit): string {
  return error.replace(/^Instance /, '').replace(/\.$/, '');
}

function pathOf(pointer: string): Path {
  return pointer
    .replace(/^#\/?/, '')
    .split('/')
    .filter(Boolean)
    .map((part) => decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The API's way to write a field: "spec.etcd.s3.bucket", "spec.escrowRecipients[0]". */
export function fieldPath(field: string): Path {
  return [...field.matchAll(/([^.[\]]+)/g)].map(([part]) => (/^\d+$/.test(part) ? Number(part) : part));
}

/** The place of a field, or of the innermost one around it that is there. */
function locate(judged: Judged, path: Path, message: string): Problem {
  for (let depth = path.length; depth > 0; depth--) {
    const range = rangeOf(judged.document, path.slice(0, depth));
    if (range) return at(judged, range[0], range[1], message);
  }
  return at(judged, 0, 0, message);
}

function rangeOf(document: Document<ParsedNode>, path: Path): [number, number] | undefined {
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  const last = path.at(-1);
  if (isMap(parent)) {
    // The name of the field, not all that stands below it.
    const pair = parent.items.find((each) => isPair(each) && isScalar(each.key) && String(each.key.value) === String(last));
    const key = pair?.key as Node | undefined;
    const value = pair?.value as Node | undefined;
    if (key?.range) return [key.range[0], isScalar(value) && value.range ? value.range[1] : key.range[1]];
    return undefined;
  }
  const node = document.getIn(path.map(index), true) as Node | undefined;
  return node?.range ? [node.range[0], node.range[1]] : undefined;
}

function index(part: string | number): string | number {
  return typeof part === 'string' && /^\d+$/.test(part) ? Number(part) : part;
}

function at({ lines }: Judged, from: number, to: number, message: string): Problem {
  return { from, to: Math.max(from, to), line: Math.max(1, lines.linePos(from).line), message };
}
