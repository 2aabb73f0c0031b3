// Package client shows how a service in Go uses the contract of Reveille. The code of the contract is made by
// clients/run into v1.
package client

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const domain = "reveille"

// Refusal says why a call was refused: the google.rpc details of its status.
type Refusal struct {
	Code codes.Code
	// Reason is the name of a value of ErrorReason, without its prefix. Empty if it did not come from the service.
	Reason string
	// Violations says why each field is wrong, by its path. Only for INVALID_REQUEST.
	Violations map[string]string
	// RetryAfter is how long to wait before it is worth another try. Zero if waiting does not help.
	RetryAfter time.Duration
	// Metadata is what else it says, by name, such as oldest_seq.
	Metadata map[string]string
}

// RefusalOf reads the details of an error that a call returned.
func RefusalOf(err error) Refusal {
	told := status.Convert(err)
	refusal := Refusal{Code: told.Code(), Violations: map[string]string{}}
	for _, detail := range told.Details() {
		refusal.read(detail)
	}
	return refusal
}

func (r *Refusal) read(detail any) {
	switch detail := detail.(type) {
	case *errdetails.ErrorInfo:
		if detail.GetDomain() == domain {
			r.Reason, r.Metadata = detail.GetReason(), detail.GetMetadata()
		}
	case *errdetails.BadRequest:
		for _, violation := range detail.GetFieldViolations() {
			r.Violations[violation.GetField()] = violation.GetDescription()
		}
	case *errdetails.RetryInfo:
		r.RetryAfter = detail.GetRetryDelay().AsDuration()
	}
}
