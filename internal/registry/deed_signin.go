package registry

// The deeds of signing in.
const (
	DeedSignIn        = "sign_in"
	DeedSignOut       = "sign_out"
	DeedSecondFactor  = "sign_in.factor"
	DeedTied          = "sign_in.tied"
	DeedFactorAdd     = "factor.add"
	DeedFactorRemove  = "factor.remove"
	DeedFactorReset   = "factor.reset"
	DeedRecoveryCodes = "factor.recovery"
	DeedSessionEnd    = "session.end"
)

// The outcomes of a sign-in that failed. Nobody is told which it was but who
// reads the audit.
const (
	OutcomeWrongPassword = "wrong_password"
	OutcomeWrongCode     = "wrong_code"
	OutcomeNotOpen       = "account_not_open"
)
