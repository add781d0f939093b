package registry

// What the API refuses with beside the rules' own codes.
const (
	CodeUnauthorized   Code = "unauthorized"
	CodeForbidden      Code = "forbidden"
	CodeBadRequest     Code = "bad_request"
	CodeUnknownMember  Code = "unknown_member"
	CodeBadCursor      Code = "bad_cursor"
	CodeTooLarge       Code = "too_large"
	CodeMethod         Code = "method_not_allowed"
	CodeNotAcceptable  Code = "not_acceptable"
	CodeMediaType      Code = "unsupported_media_type"
	CodeRateLimited    Code = "rate_limited"
	CodeKeyReused      Code = "idempotency_key_reused"
	CodeKeyAtWork      Code = "idempotency_at_work"
	CodeAlreadyRunning Code = "already_running"
	CodeNotHeld        Code = "not_held"
	CodeHeldTooLong    Code = "held_too_long"
	CodeSuperseded     Code = "superseded"
	CodeOtherPlan      Code = "other_plan"
	CodeNotRunning     Code = "not_running"
	CodeNothingToRetry Code = "nothing_to_retry"
	CodeNoFinder       Code = "no_finder"
	CodeMailState      Code = "mail_state"
	CodeInternal       Code = "internal"
)

// apiReasons are why a request of the API was not carried out.
var apiReasons = []Reason{
	{CodeUnauthorized, "The request has no token, or one that is unknown, expired or revoked.",
		"Send Authorization: Bearer with a token of the company; `usher token create --scope` makes one.", ActorProgram},
	{CodeForbidden, "The token's scopes do not allow this.", "Use a token with the scope that the operation names.", ActorAdmin},
	{CodeBadRequest, "The request cannot be understood.", "See the detail and, where there is one, the pointer.", ActorProgram},
	{CodeUnknownMember, "The request has a member or a parameter that the operation does not know.",
		"Leave it out, or mend its name; the description of the API lists them.", ActorProgram},
	{CodeBadCursor, "The cursor is not one of this list, with these filters, of this company.",
		"Begin again without a cursor, and change no filter between pages.", ActorProgram},
	{CodeTooLarge, "The request's body is larger than is taken.", "Send less.", ActorProgram},
	{CodeMethod, "The address does not take this method.", "The Allow header names those that it takes.", ActorProgram},
	{CodeNotAcceptable, "The answer does not come in the format that was asked for.", "Ask for application/json; exports also come as application/x-ndjson and text/csv.", ActorProgram},
	{CodeMediaType, "The request's body is not of a media type that is taken.", "Send it as application/json.", ActorProgram},
	{CodeRateLimited, "The token makes too many requests.", "Wait as long as the Retry-After header says.", ActorProgram},
	{CodeKeyReused, "The Idempotency-Key was used for another request.", "Make a new key for each request that is to be carried out.", ActorProgram},
	{CodeKeyAtWork, "The first request with this Idempotency-Key is not answered yet.", "Repeat it a little later with the same key.", ActorProgram},
	{CodeAlreadyRunning, "Another run of the source is at work.", "Wait for its end, or cancel it.", ActorNobody},
	{CodeNotHeld, "The run does not wait for a decision.", "Look at its state; somebody may have decided already.", ActorNobody},
	{CodeHeldTooLong, "The run was held too long ago for anybody to know what they approve.", "Run the source again and decide on what it finds now.", ActorAdmin},
	{CodeSuperseded, "A newer run of the source has been made since.", "Decide on the newer one.", ActorAdmin},
	{CodeOtherPlan, "The run has another plan than the one that was looked at.", "Read its report and decide with its plan_hash.", ActorAdmin},
	{CodeNotRunning, "The run is not at work, so there is nothing to cancel.", "Nothing has to be done.", ActorNobody},
	{CodeNothingToRetry, "The run has no failed records to try again.", "Nothing has to be done.", ActorNobody},
	{CodeNoFinder, "This kind of source cannot look for single people.", "Run the whole source.", ActorNobody},
	{CodeMailState, "The mail's state does not allow this.", "Look at its state: what was sent cannot be cancelled, and only a held mail can be released.", ActorAdmin},
	{CodeInternal, "Something failed here.", "Repeat the request with the same Idempotency-Key. The log has the details under the request's id.", ActorOperator},
}
