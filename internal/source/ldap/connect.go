package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// session is one signed-in connection to one recognised server.
type session struct {
	conn   *ldap.Conn
	tap    *tap
	at     endpoint
	tls    *tls.ConnectionState // nil without encryption
	server server
	standing
	stop func() bool // releases the watch on the context
}

// open connects to the first address that answers, signs in and recognises the
// server. Refused credentials end the search: trying them on every replica
// would lock the account. The session dies with ctx.
func (s *Source) open(ctx context.Context) (*session, error) {
	var errs []error
	for _, e := range s.endpoints {
		sess, err := s.dial(ctx, e)
		if err == nil {
			if err = s.signIn(ctx, sess); err == nil {
				return sess, nil
			}
			sess.close()
		}
		errs = append(errs, err)
		if ctx.Err() != nil || !errors.Is(err, source.ErrUnreachable) {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// signIn binds and reads what the server says of itself.
func (s *Source) signIn(ctx context.Context, sess *session) error {
	if err := s.bind(ctx, sess); err != nil {
		return err
	}
	return sess.recognise(ctx)
}

// dial connects and encrypts.
func (s *Source) dial(ctx context.Context, e endpoint) (*session, error) {
	dialCtx, cancel := context.WithTimeout(ctx, s.cfg.ConnectTimeout)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(dialCtx, e.network, e.address)
	if err != nil {
		return nil, explainDial(ctx, e, err)
	}
	sess := &session{at: e}
	if e.tls || e.start {
		stop := context.AfterFunc(dialCtx, func() { _ = c.Close() })
		secured, err := s.secure(dialCtx, c, e)
		if _, ok := answered(err); err != nil && !ok {
			if dialCtx.Err() != nil {
				err = registry.Errorf("%s within %s", os.ErrDeadlineExceeded, s.cfg.ConnectTimeout)
			}
			err = explainDial(ctx, e, err)
		}
		stop()
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		state := secured.ConnectionState()
		sess.tls, c = &state, secured
	}
	sess.tap = newTap(c, s.cfg.Timeout)
	sess.conn = ldap.NewConn(sess.tap, sess.tls != nil)
	sess.conn.Start()
	// Closing the socket is the one thing that ends a read at once.
	sess.stop = context.AfterFunc(ctx, func() { _ = c.Close() })
	return sess, nil
}

// secure encrypts a fresh connection, after StartTLS where that is asked for.
func (s *Source) secure(ctx context.Context, c net.Conn, e endpoint) (*tls.Conn, error) {
	if e.start {
		if err := startTLS(c); err != nil {
			if le, ok := answered(err); ok {
				return nil, registry.Errorf("%s; the server cannot do starttls: use ldaps:// if it can",
					explainResult(registry.Say("start TLS on %s", e.shown), le, visitor))
			}
			return nil, registry.Errorf("start TLS: %s", err)
		}
	}
	secured := tls.Client(c, s.tlsConfig(e))
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, registry.Errorf("TLS handshake: %s", err)
	}
	return secured, nil
}

// startTLS asks for TLS (RFC 4511 section 4.14). go-ldap's own StartTLS would
// put TLS above the tap, where no entry could be seen.
func startTLS(c net.Conn) error {
	req := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "LDAP Request")
	req.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, "MessageID"))
	ext := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "Start TLS")
	ext.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, startTLSOID, "OID"))
	req.AppendChild(ext)
	if _, err := c.Write(req.Bytes()); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(c)
	if err != nil {
		return err
	}
	return ldap.GetLDAPError(answer)
}

// startTLSOID names the StartTLS operation.
const startTLSOID = "1.3.6.1.4.1.1466.20037"

// bind signs in.
func (s *Source) bind(ctx context.Context, sess *session) error {
	doing := registry.Say("sign in to %s", sess.at.shown)
	if s.cfg.BindDN == "" {
		if sess.at.network != "unix" {
			sess.standing = visitor // anonymous is what a connection starts as
			return nil
		}
		return sess.enter(ctx, doing, sess.conn.ExternalBind)
	}
	password, err := s.cfg.BindPassword()
	if err != nil {
		return registry.Errorf("%s: %s: read the password: %s", doing, source.ErrAuth, err)
	}
	if password == "" {
		// RFC 4513 section 5.1.2: a name with an empty password succeeds as
		// anonymous, and the read would then show only what anyone may see.
		return registry.Errorf("%s: %s: the password is empty", doing, source.ErrAuth)
	}
	return sess.enter(ctx, registry.Say("sign in to %s as %s", sess.at.shown, s.cfg.BindDN), func() error { return sess.conn.Bind(s.cfg.BindDN, password) })
}

// enter asks to be let in.
func (s *session) enter(ctx context.Context, doing registry.Said, request func() error) error {
	s.standing = signing
	err := s.do(ctx, doing, request)
	s.standing = member
	return err
}

// do runs one request under the idle time-out and explains its error.
func (s *session) do(ctx context.Context, doing registry.Said, request func() error) error {
	s.tap.begin(nil)
	err := request()
	if wire := s.tap.end(); err != nil {
		return s.explain(ctx, doing, err, wire)
	}
	return nil
}

// search runs one search whose entries go to sink. limit says which of the
// server's limits cut it short, if one did; res is nil then and on an error.
func (s *session) search(ctx context.Context, doing registry.Said, req *ldap.SearchRequest, sink func(rawEntry) error) (res *ldap.SearchResult, limit registry.Said, err error) {
	s.tap.begin(sink)
	res, err = s.conn.Search(req)
	wire := s.tap.end()
	if le, ok := answered(err); ok && limits[le.ResultCode] != "" && ctx.Err() == nil {
		return nil, registry.Say(limits[le.ResultCode]), nil
	}
	if err == nil && (ctx.Err() != nil || wire != nil || s.conn.IsClosing()) {
		err = errors.New("the connection ended with the answer")
	}
	if err != nil {
		return nil, "", s.explain(ctx, doing, err, wire)
	}
	return res, "", nil
}

// close ends the session. It does not wait for a server that does not listen.
func (s *session) close() {
	s.stop()
	_ = s.tap.Conn.SetDeadline(time.Now().Add(time.Second)) //nolint:forbidigo // a socket deadline is wall-clock time
	_ = s.conn.Close()
}
