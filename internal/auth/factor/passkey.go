package factor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Passkeys adds and checks passkeys for the host of one public address.
type Passkeys struct{ w *webauthn.WebAuthn }

// NewPasskeys makes Passkeys, or nil where browsers know none: at an address
// that is no name (WebAuthn section 5.1.2, the effective domain), or over plain
// HTTP from another machine.
func NewPasskeys(public *url.URL, name string) (*Passkeys, error) {
	host := public.Hostname()
	if net.ParseIP(host) != nil || public.Scheme != "https" && host != "localhost" {
		return nil, nil //nolint:nilnil // having none is no failure
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: host, RPDisplayName: name, RPOrigins: []string{public.Scheme + "://" + public.Host},
		AttestationPreference: protocol.PreferNoAttestation,
	})
	if err != nil {
		return nil, fmt.Errorf("configure passkeys: %w", err)
	}
	return &Passkeys{w}, nil
}

// Holder is who a ceremony is about.
type Holder struct {
	// Handle is the person's id for authenticators; it says nothing of them.
	Handle            string
	Name, DisplayName string
	// Passkeys are those they have, as stored.
	Passkeys []Passkey
}

// Passkey is a passkey as it is stored.
type Passkey struct {
	ID   []byte          // the authenticator's own
	Data json.RawMessage // the public key, flags and counter
}

// Ceremony is what a browser is asked for. State comes back with its answer and
// must not be readable or made by others.
type Ceremony struct {
	Options []byte // JSON for navigator.credentials
	State   []byte
}

// ErrPasskey refuses an answer of a browser. What it wraps is for the log.
var ErrPasskey = errors.New("passkey refused")

// holder is webauthn.User.
type holder struct {
	Holder
	known []webauthn.Credential
}

func (h *holder) WebAuthnID() []byte                         { return []byte(h.Handle) }
func (h *holder) WebAuthnName() string                       { return h.Name }
func (h *holder) WebAuthnDisplayName() string                { return h.DisplayName }
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.known }

func newHolder(h Holder) (*holder, error) {
	out := &holder{Holder: h}
	for _, p := range h.Passkeys {
		var c webauthn.Credential
		if err := json.Unmarshal(p.Data, &c); err != nil {
			return nil, fmt.Errorf("decode passkey: %w", err)
		}
		out.known = append(out.known, c)
	}
	return out, nil
}

func ceremony(options any, state *webauthn.SessionData) (c Ceremony, err error) {
	if c.Options, err = json.Marshal(options); err != nil {
		return c, fmt.Errorf("encode passkey options: %w", err)
	}
	if c.State, err = json.Marshal(state); err != nil {
		return c, fmt.Errorf("encode passkey state: %w", err)
	}
	return c, nil
}

func stored(c *webauthn.Credential) (Passkey, error) {
	if c.Authenticator.CloneWarning {
		// The counter went back: somebody else has a copy (section 6.1.1).
		return Passkey{}, fmt.Errorf("%w: its counter went back", ErrPasskey)
	}
	// What proved its making is not looked at again.
	c.Attestation = webauthn.CredentialAttestation{}
	data, err := json.Marshal(c)
	if err != nil {
		return Passkey{}, fmt.Errorf("encode passkey: %w", err)
	}
	return Passkey{ID: c.ID, Data: data}, nil
}

// BeginAdd asks for a new passkey, one that the person does not have yet.
func (p *Passkeys) BeginAdd(h Holder) (Ceremony, error) {
	who, err := newHolder(h)
	if err != nil {
		return Ceremony{}, err
	}
	options, state, err := p.w.BeginRegistration(who,
		webauthn.WithExclusions(webauthn.Credentials(who.known).CredentialDescriptors()),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationPreferred,
		}))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin adding a passkey: %w", err)
	}
	return ceremony(options, state)
}

// FinishAdd judges the browser's answer and returns the passkey to store.
func (p *Passkeys) FinishAdd(h Holder, state, answer []byte) (Passkey, error) {
	who, session, err := open(h, state)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Passkey{}, refused(err)
	}
	c, err := p.w.CreateCredential(who, session, parsed)
	if err != nil {
		return Passkey{}, refused(err)
	}
	return stored(c)
}

// BeginProve asks for one of the person's passkeys.
func (p *Passkeys) BeginProve(h Holder) (Ceremony, error) {
	who, err := newHolder(h)
	if err != nil {
		return Ceremony{}, err
	}
	options, state, err := p.w.BeginLogin(who, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin proving a passkey: %w", err)
	}
	return ceremony(options, state)
}

// FinishProve judges the browser's answer and returns the passkey as it now has
// to be stored.
func (p *Passkeys) FinishProve(h Holder, state, answer []byte) (Passkey, error) {
	who, session, err := open(h, state)
	if err != nil {
		return Passkey{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Passkey{}, refused(err)
	}
	c, err := p.w.ValidateLogin(who, session, parsed)
	if err != nil {
		return Passkey{}, refused(err)
	}
	return stored(c)
}

// BeginSignIn asks for any passkey of this host that knows its person. The
// authenticator has to know the person too, by finger, face or PIN: such a
// passkey is two proofs.
func (p *Passkeys) BeginSignIn() (Ceremony, error) {
	options, state, err := p.w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin signing in with a passkey: %w", err)
	}
	return ceremony(options, state)
}

// FinishSignIn judges the browser's answer; find gives the holder of the passkey
// with an id.
func (p *Passkeys) FinishSignIn(state, answer []byte, find func(id []byte) (Holder, error)) (Passkey, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return Passkey{}, fmt.Errorf("decode passkey state: %w", err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Passkey{}, refused(err)
	}
	var failed error
	c, err := p.w.ValidateDiscoverableLogin(func(id, handle []byte) (webauthn.User, error) {
		h, err := find(id)
		if failed = err; err != nil {
			return nil, err
		}
		if h.Handle != string(handle) {
			return nil, ErrPasskey
		}
		return newHolder(h)
	}, session, parsed)
	if failed != nil {
		return Passkey{}, failed
	}
	if err != nil {
		return Passkey{}, refused(err)
	}
	return stored(c)
}

func open(h Holder, state []byte) (*holder, webauthn.SessionData, error) {
	var session webauthn.SessionData
	who, err := newHolder(h)
	if err == nil {
		err = json.Unmarshal(state, &session)
	}
	return who, session, err
}

// refused keeps the library's reason for the log.
func refused(err error) error {
	var e *protocol.Error
	if errors.As(err, &e) {
		return fmt.Errorf("%w: %s %s", ErrPasskey, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrPasskey, err)
}
