package demo

import (
	"bufio"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"sync"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"
)

// Server serves a directory over LDAP, for reading. It is its own because
// github.com/jimlambrt/gldap, which could, takes no listener, waits at its end
// for clients to leave, and brings test libraries into the program.
type Server struct {
	dir      *Directory
	listener net.Listener
	done     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // nil once closed
}

// Serve answers on l until Close. It owns l from then on.
func Serve(l net.Listener, dir *Directory) *Server {
	s := &Server{dir: dir, listener: l, conns: map[net.Conn]struct{}{}}
	s.done.Go(s.accept)
	return s
}

// Addr is the host and port the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// URL is the server's address as a source is configured with it.
func (s *Server) URL() string { return "ldap://" + s.Addr() }

// Close stops listening, drops the connections and waits for their ends.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
	s.mu.Unlock()
	s.done.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close demo directory: %w", err)
	}
	return nil
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.conns == nil {
			s.mu.Unlock()
			_ = conn.Close()
			return
		}
		s.conns[conn] = struct{}{}
		s.done.Go(func() { s.serve(conn) })
		s.mu.Unlock()
	}
}

// serve answers the requests of one connection, one after the other, until
// either side ends it or it makes no sense.
func (s *Server) serve(conn net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
		_ = conn.Close()
	}()
	session := &session{dir: s.dir}
	r, w := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		m, err := readMessage(r)
		if err != nil || m.op.Tag == ldap.ApplicationUnbindRequest {
			return
		}
		if session.handle(m, responder{w, m.id}) != nil || w.Flush() != nil {
			return
		}
	}
}

// session is what the server remembers of a connection.
type session struct {
	dir     *Directory
	bound   bool
	cursors []cursor
}

// handle answers one request; an error ends the connection.
func (s *session) handle(m message, r responder) (err error) {
	defer func() {
		// As in readMessage: the parts of a request are taken on trust.
		if recover() != nil {
			err = errMalformed
		}
	}()
	switch m.op.Tag {
	case ldap.ApplicationBindRequest:
		return r.result(ldap.ApplicationBindResponse, s.bind(m.bind()))
	case ldap.ApplicationSearchRequest:
		return s.search(m, r)
	case ldap.ApplicationAbandonRequest:
		return nil // answers are whole before the next request is read
	case ldap.ApplicationExtendedRequest:
		return r.result(ldap.ApplicationExtendedResponse, result{ldap.LDAPResultProtocolError, "unsupported extended operation"})
	case ldap.ApplicationModifyRequest, ldap.ApplicationAddRequest, ldap.ApplicationDelRequest,
		ldap.ApplicationModifyDNRequest, ldap.ApplicationCompareRequest:
		// The answer's tag follows the request's (RFC 4511 section 4.2 and on).
		return r.result(m.op.Tag+1, result{ldap.LDAPResultUnwillingToPerform, "the sample directory can only be read"})
	}
	return errMalformed
}

// bind checks name and password. An empty name is anonymous and may read what
// the server says about itself; a name without a password is refused, because
// RFC 4513 section 5.1.2 would call that a success which proves nothing.
func (s *session) bind(b bindRequest) result {
	s.bound = false
	switch {
	case !b.simple:
		return result{ldap.LDAPResultAuthMethodNotSupported, "only simple bind is supported"}
	case b.name == "" && b.password == "":
		return result{}
	case b.password == "":
		return result{ldap.LDAPResultUnwillingToPerform, "unauthenticated bind (DN with no password) disallowed"}
	}
	s.bound = equal("entryDN", b.name, BindDN) &&
		subtle.ConstantTimeCompare([]byte(b.password), []byte(BindPassword)) == 1
	if !s.bound {
		return result{ldap.LDAPResultInvalidCredentials, ""}
	}
	return result{}
}

// search answers a search, whole or by pages (RFC 2696).
func (s *session) search(m message, r responder) error {
	const done = ber.Tag(ldap.ApplicationSearchResultDone)
	paging, refused := known(m.controls)
	if refused.code != 0 {
		return r.result(done, refused)
	}
	q, err := m.search()
	if err != nil {
		return r.result(done, result{ldap.LDAPResultProtocolError, err.Error()})
	}
	page, cookie, res := s.answer(q, paging)
	if q.sizeLimit > 0 && len(page) > q.sizeLimit {
		page, res = page[:q.sizeLimit], result{ldap.LDAPResultSizeLimitExceeded, ""}
	}
	for _, e := range page {
		if err := r.entry(e); err != nil {
			return err
		}
	}
	if paging == nil {
		return r.result(done, res)
	}
	return r.result(done, res, &ldap.ControlPaging{Cookie: []byte(cookie)})
}

// known finds the one control the server knows; another that the client insists
// on is refused (RFC 4511 section 4.1.11).
func known(controls []ldap.Control) (paging *ldap.ControlPaging, res result) {
	for _, c := range controls {
		switch c := c.(type) {
		case *ldap.ControlPaging:
			paging = c
		case *ldap.ControlString:
			if c.Criticality {
				return nil, result{ldap.LDAPResultUnavailableCriticalExtension, "unknown control " + c.ControlType}
			}
		}
	}
	return paging, result{}
}

// answer gives the entries to send now and, for a paged search that has more,
// the cookie to ask for them with.
func (s *session) answer(q query, paging *ldap.ControlPaging) (page []found, cookie string, res result) {
	isRoot := q.base == "" && q.scope == ldap.ScopeBaseObject
	if !s.bound && !isRoot {
		return nil, "", result{ldap.LDAPResultStrongAuthRequired, "authentication required"}
	}
	if paging != nil && len(paging.Cookie) > 0 {
		rest, ok := s.take(string(paging.Cookie))
		if !ok {
			return nil, "", result{ldap.LDAPResultUnwillingToPerform, "paged results cookie is invalid"}
		}
		page, cookie = s.page(rest, paging.PagingSize)
		return page, cookie, result{}
	}
	all, ok := s.dir.search(q)
	if !ok {
		return nil, "", result{ldap.LDAPResultNoSuchObject, ""}
	}
	if paging == nil {
		return all, "", result{}
	}
	page, cookie = s.page(all, paging.PagingSize)
	return page, cookie, result{}
}
