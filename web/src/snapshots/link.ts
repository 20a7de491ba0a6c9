import { call } from '../api/client';
import type { EtcdSnapshot } from '../api/types.gen';

/** A link to a snapshot's bytes in S3: while it lasts, it is as good as a key to all of the cluster's Secrets. */
export interface Link {
  url: string;
  expires: string;
  file: string;
  location: string;
  size: number;
  sha256?: string;
  endpointCA?: string;
  skipSSLVerify?: boolean;
}

/** How a snapshot is restored with stock tools, in the command line's own words. */
export interface ByHand {
  /** Where the commands are run; none: anywhere. */
  machine?: string;
  text: string;
}

function path({ metadata }: EtcdSnapshot, what: string): string {
  return `/v1/namespaces/${encodeURIComponent(metadata.namespace)}/etcdsnapshots/${encodeURIComponent(metadata.name)}/${what}`;
}

/**
 * Has the manager sign a link.
 *
 * @throws ApiError
 */
export async function link(snapshot: EtcdSnapshot): Promise<Link> {
  return (await (await call(path(snapshot, 'download'), 'POST')).json()) as Link;
}

/**
 * Reads how a snapshot is restored by hand.
 *
 * @throws ApiError
 */
export async function byHand(snapshot: EtcdSnapshot): Promise<ByHand> {
  return (await (await call(path(snapshot, 'by-hand'), 'GET')).json()) as ByHand;
}
