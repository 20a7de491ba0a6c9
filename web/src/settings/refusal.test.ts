import { expect, test } from 'vitest';
import { ApiError } from '../api/client';
import { plain, refusal } from './refusal';

const refused = (...causes: { field?: string; message?: string }[]) => refusal(new ApiError(422, 'Invalid', 'all of it', causes));

test('what the API says of a field stands at that field', () => {
  const found = refused(
    { field: 'spec.etcd.s3.bucket', message: 'Invalid value: "B": spec.etcd.s3.bucket in body should match \'^[a-z]$\'' },
    { field: 'spec.etcd.s3.endpoint', message: 'Invalid value: "https://x": give the endpoint without a scheme: "host:port"' },
    { field: 'spec.escrowRecipients[1]', message: 'Invalid value: "x": no key' },
    { field: '<nil>', message: 'Invalid value: null: some validation rules were not checked because the object was invalid' },
  );
  expect(found).toEqual({
    fields: {
      bucket: "should match '^[a-z]$'",
      endpoint: 'give the endpoint without a scheme: "host:port"',
      recipients: 'no key',
    },
    rest: [],
  });
});

test("a test's target is the same as a cluster's", () => {
  expect(refused({ field: 'spec.s3.region', message: 'Invalid value: "?": no region' }).fields).toEqual({ region: 'no region' });
});

test('a policy names its fields in the text', () => {
  const message = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: spec.etcd.snapshotRetention can't be changed";
  expect(refused({ message }).fields).toEqual({ retention: "spec.etcd.snapshotRetention can't be changed" });
});

test('what belongs to no field is told all the same', () => {
  expect(refused({ field: 'spec', message: 'Invalid value: "object": no' }).rest).toEqual(['no']);
  expect(refusal(new Error('nobody answers')).rest).toEqual(['nobody answers']);
});

test('a quoted value is cut off whole', () => {
  expect(plain('Invalid value: "a\\": b": too short')).toBe('too short');
  expect(plain('Required value')).toBe('Required value');
});
