package s3_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/s3"
)

// against opens a store on an S3 server that is nothing but the handler. What a whole server does is seen in test/e2e;
// this is for answers that none can be brought to give.
func against(t *testing.T, handler http.HandlerFunc) *s3.Store {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	store, err := s3.New(s3.Config{
		Bucket: "backups", Endpoint: strings.TrimPrefix(server.URL, "http://"), Region: "us-east-1", Insecure: true,
		AccessKey: "id", SecretKey: s3.NewSecret(hush),
		Retry: retry.Policy{Initial: time.Microsecond, MaxElapsed: time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// says answers every request with an S3 error.
func says(status int, code, region string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Request-Id", "REQ123")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>Words of the server.</Message><Region>%s</Region></Error>", code, region)
		}
	}
}

// calls are all methods that ask the server once.
func calls(ctx context.Context, store *s3.Store) map[string]error {
	_, statErr := store.Stat(ctx, "a")
	_, getErr := store.Get(ctx, "a", 0, -1, "")
	return map[string]error{
		"Stat": statErr, "Get": getErr, "Delete": store.Delete(ctx, "a"),
		"List": store.List(ctx, "", func(blob.Info) error { return nil }),
	}
}

func TestTheServersCodeBecomesTheContractsError(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
		region string
		want   error
	}{
		{404, "NoSuchBucket", "", blob.ErrNoStore},
		{400, "InvalidBucketName", "", blob.ErrNoStore},
		{403, "AccessDenied", "", blob.ErrDenied},
		{403, "SomethingNew", "", blob.ErrDenied},
		{403, "InvalidAccessKeyId", "", blob.ErrCredentials},
		{403, "SignatureDoesNotMatch", "", blob.ErrCredentials},
		{400, "ExpiredToken", "", blob.ErrCredentials},
		{403, "InvalidTokenId", "", blob.ErrCredentials},
		{403, "RequestTimeTooSkewed", "", blob.ErrClockSkew},
		{400, "AuthorizationHeaderMalformed", "eu-west-1", blob.ErrRegion},
		{400, "AuthorizationHeaderMalformed", "", blob.ErrCredentials},
		{301, "PermanentRedirect", "eu-west-1", blob.ErrRegion},
		{507, "XMinioStorageFull", "", blob.ErrNoSpace},
		{403, "QuotaExceeded", "", blob.ErrNoSpace},
	} {
		for method, err := range calls(t.Context(), against(t, says(test.status, test.code, test.region))) {
			if !errors.Is(err, test.want) || retry.Transient(err) {
				t.Errorf("%d %s: %s: %v, want %v for good", test.status, test.code, method, err, test.want)
			}
		}
	}
}

func TestWhatMayPassIsTransient(t *testing.T) {
	for _, test := range []struct {
		status int
		code   string
	}{
		{503, "SlowDown"}, {500, "InternalError"}, {502, ""}, {504, ""}, {429, "TooManyRequests"}, {408, "RequestTimeout"},
		{409, "OperationAborted"}, {400, "BadDigest"},
	} {
		for method, err := range calls(t.Context(), against(t, says(test.status, test.code, ""))) {
			// HEAD has no body, so that of a 400 or 409 it is only known that it was refused.
			if method == "Stat" && test.status < 429 && test.status != 408 {
				continue
			}
			if !retry.Transient(err) {
				t.Errorf("%d %s: %s: %v is not transient", test.status, test.code, method, err)
			}
		}
	}
}

func TestAnErrorSaysWhatTheServersOperatorWillAskFor(t *testing.T) {
	store := against(t, says(403, "AccessDenied", ""))
	err := store.Delete(t.Context(), "folder/a")
	for _, part := range []string{
		"delete s3://backups/folder/a", "access denied", "Words of the server", "AccessDenied", "request REQ123", "127.0.0.1",
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), hush) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q holds what it must not", err)
	}
	said, ok := errors.AsType[*s3.Error](err)
	if !ok || said.Code != "AccessDenied" || said.Status != 403 || said.RequestID != "REQ123" {
		t.Errorf("%+v does not hold the server's answer", said)
	}
}

func TestARefusalNamesTheRightThatIsMissing(t *testing.T) {
	for method, err := range calls(t.Context(), against(t, says(403, "AccessDenied", ""))) {
		right := map[string]string{
			"List": "s3:ListBucket", "Get": "s3:GetObject", "Stat": "s3:GetObject", "Put": "s3:PutObject", "Delete": "s3:DeleteObject",
		}[method]
		if right == "" || !strings.Contains(err.Error(), right) {
			t.Errorf("%s: %v does not name %q", method, err, right)
		}
	}
}

func TestTheRightRegionIsNamed(t *testing.T) {
	_, err := against(t, says(400, "AuthorizationHeaderMalformed", "eu-central-7")).Get(t.Context(), "a", 0, -1, "")
	if !errors.Is(err, blob.ErrRegion) || !strings.Contains(err.Error(), "it is in eu-central-7") {
		t.Errorf("%v, want the region that the server named", err)
	}
}

func TestAServerThatIsNotThereIsTransientAndAnUnknownHostIsNot(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	for endpoint, want := range map[string]bool{strings.TrimPrefix(server.URL, "http://"): true, "no-such-host.invalid": false} {
		store, err := s3.New(s3.Config{
			Bucket: "backups", Endpoint: endpoint, Insecure: true, Region: "r", AccessKey: "id", SecretKey: s3.NewSecret("x"),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Stat(t.Context(), "a"); err == nil || retry.Transient(err) != want {
			t.Errorf("%s: %v, want transient: %v", endpoint, err, want)
		}
	}
}

func TestHTTPSToAPlainServerSaysSo(t *testing.T) {
	server := httptest.NewServer(nil)
	defer server.Close()
	store, err := s3.New(s3.Config{
		Bucket: "backups", Endpoint: strings.TrimPrefix(server.URL, "http://"), Region: "r", AccessKey: "id", SecretKey: s3.NewSecret("x"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(t.Context(), "a"); err == nil || retry.Transient(err) || !strings.Contains(err.Error(), "HTTP response to HTTPS client") {
		t.Errorf("%v, want what is wrong, for good", err)
	}
}

// object answers GET as a server that does something else than what was asked.
func object(header http.Header, status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("Etag", `"v1"`)
		for k, v := range header {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestAnAnswerToAnotherQuestionIsNotTakenForTheObject(t *testing.T) {
	for name, test := range map[string]struct {
		handler        http.HandlerFunc
		offset, length int64
		match          string
		want           string
	}{
		"the range is ignored":    {object(nil, 200, "0123456789"), 2, 3, "", "protocol"},
		"another range":           {object(http.Header{"Content-Range": {"bytes 3-5/10"}}, 206, "345"), 2, 3, "", "protocol"},
		"fewer bytes than told":   {object(http.Header{"Content-Range": {"bytes 2-4/10"}}, 206, "23"), 2, 3, "", "protocol"},
		"a range without a total": {object(http.Header{"Content-Range": {"bytes 2-4/*"}}, 206, "234"), 2, 3, "", "protocol"},
		"the match is ignored":    {object(nil, 200, "0123456789"), 0, -1, "v0", blob.ErrChanged.Error()},
		"cut short":               {object(http.Header{"Content-Length": {"10"}}, 200, "0123"), 0, -1, "", "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := against(t, test.handler).Get(t.Context(), "a", test.offset, test.length, test.match)
			if err == nil {
				_, err = io.ReadAll(r)
				err = errors.Join(err, r.Close())
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want an error that says %q", err, test.want)
			}
		})
	}
}

func TestAListingOutOfOrderIsAnError(t *testing.T) {
	store := against(t, func(w http.ResponseWriter, _ *http.Request) {
		entry := "<Contents><Key>%s</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents>"
		fmt.Fprintf(w, "<ListBucketResult>"+entry+entry+"</ListBucketResult>", "b", "a")
	})
	err := store.List(t.Context(), "", func(blob.Info) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "out of order") || retry.Transient(err) {
		t.Errorf("%v, want an error for good", err)
	}
}

func TestKeysThatAreNoNamesAreNotListed(t *testing.T) {
	store := against(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<ListBucketResult>")
		for _, key := range []string{"a", "folder/", "folder//x", "folder/./x", "z"} {
			fmt.Fprintf(w, "<Contents><Key>%s</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents>", key)
		}
		_, _ = io.WriteString(w, "</ListBucketResult>")
	})
	var names []string
	err := store.List(t.Context(), "", func(info blob.Info) error { names = append(names, info.Name); return nil })
	if err != nil || strings.Join(names, " ") != "a z" {
		t.Errorf("%q, %v, want a and z", names, err)
	}
}
