package snapshot

import "time"

// Request is the body of POST /db/snapshot.
type Request struct {
	Operation string   `json:"operation,omitempty"`
	Name      []string `json:"name,omitempty"`
	Dir       *string  `json:"dir,omitempty"`
	Compress  *bool    `json:"compress,omitempty"`
	Retention *int     `json:"retention,omitempty"`
	S3        *S3      `json:"s3,omitempty"`
}

// S3 is where copies go.
type S3 struct {
	AccessKey     string        `json:"accessKey,omitempty"`
	Bucket        string        `json:"bucket,omitempty"`
	BucketLookup  string        `json:"bucketLookup,omitempty"`
	ConfigSecret  string        `json:"configSecret,omitempty"`
	Endpoint      string        `json:"endpoint,omitempty"`
	EndpointCA    string        `json:"endpointCA,omitempty"`
	Folder        string        `json:"folder,omitempty"`
	Proxy         string        `json:"proxy,omitempty"`
	Region        string        `json:"region,omitempty"`
	SecretKey     string        `json:"secretKey,omitempty"`
	SessionToken  string        `json:"sessionToken,omitempty"`
	Insecure      bool          `json:"insecure,omitempty"`
	SkipSSLVerify bool          `json:"skipSSLVerify,omitempty"`
	Retention     int           `json:"retention,omitempty"`
	Timeout       time.Duration `json:"timeout,omitempty"`
}

// Response is the answer to all operations but list.
type Response struct {
	Created []string `json:"created,omitempty"`
	Deleted []string `json:"deleted,omitempty"`
}

// Entry is one copy of a snapshot.
type Entry struct {
	Name, NodeName, Location string
	Created                  time.Time
	Size                     int64
	Compressed               bool
	Metadata                 map[string]string
	// TokenHash is known of fresh snapshots, and of S3's.
	TokenHash string
	// S3 is nil for a file on this node.
	S3 *S3
	// Failed is why there is no copy.
	Failed string
}

// Storage is the node that holds the copy, or "s3".
func (e Entry) Storage() string {
	if e.S3 != nil {
		return "s3"
	}
	return e.NodeName
}

// Key is the entry's name in lists: local-NAME or s3-NAME.
func (e Entry) Key() string {
	if e.S3 != nil {
		return "s3-" + e.Name
	}
	return "local-" + e.Name
}
