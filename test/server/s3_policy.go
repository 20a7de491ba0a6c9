package server

import "encoding/json"

// Right is one thing that a policy allows.
type Right string

// The rights that a backup program can have or lack.
const (
	List   Right = "list"
	Read   Right = "read"
	Write  Right = "write"
	Delete Right = "delete"
)

// actions are what the rights mean to S3: on the bucket itself, and on its objects.
func (r Right) actions() (bucket, object []string) {
	switch r {
	case List:
		return []string{"s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucketMultipartUploads"}, nil
	case Read:
		return nil, []string{"s3:GetObject", "s3:GetObjectVersion"}
	case Write:
		return nil, []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
	case Delete:
		return nil, []string{"s3:DeleteObject", "s3:DeleteObjectVersion"}
	default:
		return nil, nil
	}
}

// policy is the JSON document that allows the rights on one bucket.
func policy(bucket string, rights []Right) ([]byte, error) {
	type statement struct {
		Effect   string
		Action   []string
		Resource []string
	}
	var doc struct {
		Version   string
		Statement []statement
	}
	doc.Version = "2012-10-17"
	for _, r := range rights {
		onBucket, onObject := r.actions()
		if len(onBucket) > 0 {
			doc.Statement = append(doc.Statement, statement{"Allow", onBucket, []string{"arn:aws:s3:::" + bucket}})
		}
		if len(onObject) > 0 {
			doc.Statement = append(doc.Statement, statement{"Allow", onObject, []string{"arn:aws:s3:::" + bucket + "/*"}})
		}
	}
	return json.Marshal(doc)
}
