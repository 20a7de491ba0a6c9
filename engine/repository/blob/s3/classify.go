package s3

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// sentinels are what callers branch on, by the server's code. The names beginning with XMinio are MinIO's own.
var sentinels = map[string]error{
	"NoSuchBucket":      blob.ErrNoStore,
	"InvalidBucketName": blob.ErrNoStore, // no bucket can have that name

	"NoSuchKey": blob.ErrNotExist,
	"NotFound":  blob.ErrNotExist,

	"AccessDenied":      blob.ErrDenied,
	"AllAccessDisabled": blob.ErrDenied,
	"AccountProblem":    blob.ErrDenied,
	"MethodNotAllowed":  blob.ErrDenied,

	"InvalidAccessKeyId":          blob.ErrCredentials,
	"SignatureDoesNotMatch":       blob.ErrCredentials,
	"ExpiredToken":                blob.ErrCredentials,
	"ExpiredTokenException":       blob.ErrCredentials,
	"InvalidToken":                blob.ErrCredentials,
	"InvalidTokenId":              blob.ErrCredentials, // MinIO's InvalidToken
	"InvalidClientTokenId":        blob.ErrCredentials,
	"TokenRefreshRequired":        blob.ErrCredentials,
	"InvalidSecurity":             blob.ErrCredentials,
	"NotSignedUp":                 blob.ErrCredentials,
	"XAdminUserNotFound":          blob.ErrCredentials, // versitygw's InvalidAccessKeyId
	"CredentialsNotFound":         blob.ErrCredentials,
	"XMinioInvalidIAMCredentials": blob.ErrCredentials,

	"RequestTimeTooSkewed": blob.ErrClockSkew,
	"RequestExpired":       blob.ErrClockSkew,

	"QuotaExceeded":                  blob.ErrNoSpace,
	"XMinioAdminBucketQuotaExceeded": blob.ErrNoSpace,
	"XMinioStorageFull":              blob.ErrNoSpace,
	"InsufficientCapacity":           blob.ErrNoSpace,
	"InsufficientStorage":            blob.ErrNoSpace,

	"KeyTooLongError":         blob.ErrName,
	"InvalidObjectName":       blob.ErrName,
	"XMinioInvalidObjectName": blob.ErrName,

	"PermanentRedirect":                  blob.ErrRegion,
	"IllegalLocationConstraintException": blob.ErrRegion,
	"InvalidRegion":                      blob.ErrRegion,
}

// passing are codes that another attempt may get over, next to those that the status tells.
var passing = map[string]bool{
	"SlowDown": true, "SlowDownRead": true, "SlowDownWrite": true, "Throttling": true, "ThrottlingException": true,
	"RequestLimitExceeded": true, "RequestThrottled": true, "RequestTimeout": true, "InternalError": true,
	"ServiceUnavailable": true, "XMinioServerNotInitialized": true,
	// Another writer was in the middle of the same name.
	"OperationAborted": true, "ConditionalRequestConflict": true,
	// The bytes were changed on the way.
	"BadDigest": true, "XAmzContentSHA256Mismatch": true, "XAmzContentChecksumMismatch": true, "IncompleteBody": true,
}

// answered classifies what the server said.
func (e *Error) answered(answer minio.ErrorResponse) {
	e.Code, e.Status, e.Message = answer.Code, answer.StatusCode, answer.Error()
	e.RequestID, e.Region = answer.RequestID, answer.Region
	e.sentinel = sentinels[answer.Code]
	switch {
	case answer.Code == "AuthorizationHeaderMalformed" && answer.Region != "", answer.StatusCode == http.StatusMovedPermanently:
		e.sentinel = blob.ErrRegion
	case answer.Code == "AuthorizationHeaderMalformed":
		e.sentinel = blob.ErrCredentials // a key with characters that no key has
	case strings.Contains(answer.Message, "HTTP request to an HTTPS server"):
		e.sentinel = blob.ErrPlain
	case e.sentinel == nil && answer.StatusCode == http.StatusForbidden:
		e.sentinel = blob.ErrDenied
	case e.sentinel == nil && answer.StatusCode == http.StatusInsufficientStorage:
		e.sentinel = blob.ErrNoSpace
	case e.sentinel == nil:
		if e.transient = passing[answer.Code] || passingStatus(answer.StatusCode); e.transient {
			e.sentinel = blob.ErrBusy
		}
	}
}

func passingStatus(status int) bool {
	switch status {
	case http.StatusNotImplemented:
		return false
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return status >= http.StatusInternalServerError
}

// unanswered classifies a request without an answer: a broken connection, unless it is known to be something that
// stays as it is.
func (e *Error) unanswered() {
	e.transient = true
	stray, isStray := errors.AsType[*strayError](e.cause)
	switch {
	case isStray && stray.wantsTLS:
		e.sentinel, e.transient = blob.ErrPlain, false
	case isStray:
		e.sentinel, e.transient = blob.ErrStray, stray.passing
		if stray.passing {
			e.sentinel = blob.ErrBusy
		}
	case untrusted(e.cause):
		e.sentinel = blob.ErrTLS
		e.transient = false
	case errors.Is(e.cause, blob.ErrCredentials), errors.Is(e.cause, blob.ErrName):
		e.transient = false
	case strings.Contains(e.cause.Error(), "server gave HTTP response to HTTPS client"):
		e.sentinel = blob.ErrPlain
		e.transient = false
	case misspoken(e.cause):
		e.sentinel = blob.ErrStray
		e.transient = false
	case unknownHost(e.cause):
		e.transient = false
	}
}

func untrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok
}

func misspoken(err error) bool {
	_, ok := errors.AsType[*protocolError](err)
	return ok
}

func unknownHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}
