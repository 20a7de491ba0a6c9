// Package blob is the contract between Holdfast and the places that keep backups, and the vocabulary both sides use.
//
// A store keeps named, immutable-looking objects: an object becomes visible whole or not at all, and replacing one
// is atomic. Implementations live below this package (local, s3); decorators beside them add retries, rate limits and
// faults. Package blobtest holds the conformance suite that every implementation and every decorator must pass: what
// is written there, and in the comments here, is the contract.
//
// The package must not know what a snapshot is. Start reading at [Store].
package blob

import (
	"context"
	"errors"
	"io"
	"time"
)

// Store keeps objects under slash-separated names such as ".metadata/holdfast-owner.json".
//
// Names are relative, use "/" on every system, hold no empty, "." or ".." segments, and are otherwise opaque: k3s and
// RKE put ":" and upper-case letters into them. A name that breaks these rules ([CheckName]) is refused with ErrName.
// One object's name is never a folder of another's: "a" and "a/b" can be kept together by some stores only, so no
// caller may count on it.
//
// All methods may be called concurrently, and several processes on several machines may use one store at once. Every
// method honours its context: it returns soon after the context ends, with the context's error in its chain.
//
// A store itself never retries a whole operation: whoever wraps it in package retry owns that decision, so that
// retries do not multiply. The one exception is inside Put, where only the store can repeat a part.
type Store interface {
	// Put stores all of r under name, replacing what was there.
	//
	// Readers of the store see the old object, or nothing, until Put has succeeded, and the whole new one after; a
	// Put that fails, or is cut short by a crash, leaves the old state and no visible rubbish. When Put returns nil
	// the object survives a power cut, as far as the store can promise that.
	//
	// r is read once, from start to end, by one goroutine at a time. An error from r (other than io.EOF) cancels the
	// upload and is returned, wrapped; io.ErrUnexpectedEOF is such an error too. That is how a caller who finds out
	// late that the content is bad takes it back: nothing is published before r says io.EOF. Put may hold a bounded
	// part of r in memory and must not hold all of it.
	//
	// Put never leaves a Read of r running when it returns, because the caller is free to reuse what r reads from.
	// So a Read that can block must itself end with ctx, or Put waits for it.
	//
	// A Put that returns an error may still have happened (the answer was lost). Only Stat can tell.
	Put(ctx context.Context, name string, r io.Reader, opts PutOptions) (Info, error)

	// Get returns length bytes of the object from offset on; length < 0 means to the end. The caller closes the
	// reader. A short object is an error (io.ErrUnexpectedEOF, from Get or from Read), never a silently short stream:
	// only a range that starts exactly at the end and asks for nothing, or for the rest, is empty. When match is not
	// empty the object must still be the version with that Info.Version, otherwise ErrChanged; ErrNotExist when it
	// has gone. What is read belongs to one version, even when the object is replaced meanwhile: Read then gives the
	// rest of the old one, or ErrChanged.
	//
	// A reader that also has a method Version() string tells which version it reads, or "" when it cannot.
	Get(ctx context.Context, name string, offset, length int64, match string) (io.ReadCloser, error)

	// Stat describes one object, with its metadata.
	Stat(ctx context.Context, name string) (Info, error)

	// List calls fn for every object whose name starts with prefix, in byte order of the names, recursively. The
	// prefix is a string, not a folder. Info.Metadata is not filled in. Objects that appear or vanish meanwhile may
	// or may not be seen; no object is seen twice. What is no object by the rules of Store (other people's oddly named
	// keys, directories, symbolic links) is passed over, and so is a folder that may not be read, unless prefix leads
	// into it. An error from fn ends the listing and is returned as it is.
	List(ctx context.Context, prefix string, fn func(Info) error) error

	// Delete removes the object. Deleting an object that is not there is no error: a repeated Delete must be safe.
	// When it returns nil the object no longer appears in List, Stat or Get, on versioned stores too.
	Delete(ctx context.Context, name string) error

	// Location is the URL of the object's place for people and for manifests: "file:///backup/x",
	// "s3://bucket/folder/x". Location("") is the store's own. It never holds a secret.
	Location(name string) string

	// Close releases connections. The store must not be used after it.
	Close() error
}

// PutOptions says how an object is to be stored.
type PutOptions struct {
	// ContentType is for stores that keep one. Empty: application/octet-stream.
	ContentType string
	// Metadata travels with the object where the store can keep it (see Features). Keys are lower-case ASCII
	// letters, digits and "-"; values are printable ASCII, 1 KiB in all. [CheckMetadata] is the rule.
	Metadata map[string]string
	// SizeHint is the expected size in bytes, 0 when unknown. It only tunes the upload.
	SizeHint int64
	// IfAbsent makes Put fail with ErrExists when the name is taken. Stores that can decide this atomically do
	// (Features.AtomicIfAbsent); others check first, and a race between two writers is then won by the last.
	IfAbsent bool
}

// Info describes one stored object.
type Info struct {
	// Name is relative to the store.
	Name string
	// Size in bytes.
	Size int64
	// ModTime is when the store says that the object was last written.
	ModTime time.Time
	// Version changes whenever the content does: an S3 ETag, or inode, size and time of a local file.
	Version string
	// Metadata as given to Put; only from Put and Stat, and only where the store keeps it.
	Metadata map[string]string
}

// Features says what a store can do beyond the contract.
type Features struct {
	// Metadata: Info.Metadata survives.
	Metadata bool
	// AtomicIfAbsent: two concurrent Puts with IfAbsent never both succeed.
	AtomicIfAbsent bool
}

// Featured is implemented by every store. It is apart from Store so that a decorator forwards it on purpose.
type Featured interface {
	Features() Features
}

// Stager is implemented by stores into which a file can be moved without copying it: the local directory. A stream
// that is spooled to disk anyway is spooled straight into its final file system.
type Stager interface {
	// Stage returns a new file on the store's own file system, invisible to List until it is committed.
	Stage(ctx context.Context) (Staged, error)
}

// Staged is a file on its way into a store.
type Staged interface {
	io.Writer
	io.ReaderAt
	// Path names the file for programs that need a path, and for mapping it into memory.
	Path() string
	// Commit makes the file durable and visible under name, as Put would. No write may follow. After an error the
	// file is still staged: it can be committed again (under another name after ErrExists) or discarded.
	Commit(ctx context.Context, name string, opts PutOptions) (Info, error)
	// Discard removes the file; after Commit it does nothing. It is safe to call more than once.
	Discard() error
}

// Janitor is implemented by stores that can be left with the remains of interrupted writes.
type Janitor interface {
	// Sweep removes what interrupted writers left behind and is older than the given age, and reports how many
	// remains it removed. It never touches the remains of a writer that may still be alive: one in this process, one
	// that the store can see to be alive, or one that moved bytes more recently than the given age. Stores differ in
	// how far they see, so an age of a day is right unless the store's own documentation promises more.
	Sweep(ctx context.Context, olderThan time.Duration) (int, error)
}

// Nested is implemented by stores that are a folder of something larger: a bucket, a file system. It exists so that two
// repositories, one inside the other, can be told.
type Nested interface {
	// Ancestors returns the folders above this store, nearest first. They share its connections and need no Close.
	Ancestors() []Store
}

// What callers branch on. Stores wrap these with the detail.
var (
	// ErrNotExist: no object of that name (or no such directory).
	ErrNotExist = errors.New("no such object")
	// ErrNoStore: the bucket or the directory itself does not exist.
	ErrNoStore = errors.New("the store does not exist")
	// ErrExists: the name is taken and IfAbsent was asked for.
	ErrExists = errors.New("the object exists already")
	// ErrChanged: the object is not the version that was asked for.
	ErrChanged = errors.New("the object was replaced meanwhile")
	// ErrDenied: the credentials lack a right that the operation needs.
	ErrDenied = errors.New("access denied")
	// ErrCredentials: the credentials are missing, unknown, wrong or expired.
	ErrCredentials = errors.New("the credentials were not accepted")
	// ErrClockSkew: this machine's clock is too far from the store's.
	ErrClockSkew = errors.New("this machine's clock differs too much from the store's")
	// ErrNoSpace: the disk or the quota is full.
	ErrNoSpace = errors.New("no space left")
	// ErrTLS: the store's certificate is not trusted.
	ErrTLS = errors.New("the store's certificate is not trusted")
	// ErrRegion: the bucket is in another region than the one that was configured.
	ErrRegion = errors.New("the bucket is in another region")
	// ErrPlain: one side speaks plain http and the other TLS.
	ErrPlain = errors.New("one side speaks plain http, the other TLS")
	// ErrBusy: the store answers that it is too busy, or that something in it went wrong. Later it may do better.
	ErrBusy = errors.New("the store is too busy, or has trouble of its own")
	// ErrStray: what answers is no store. The store may be behind it, or elsewhere.
	ErrStray = errors.New("what answers is no such store")
	// ErrName: the name breaks the rules of Store.
	ErrName = errors.New("not a valid object name")
)
