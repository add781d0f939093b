package mailcatcher

import (
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Stage is a moment of an SMTP conversation at which a script may step in.
type Stage string

// The stages, in the order they come.
const (
	// StageHello is the EHLO or HELO command.
	StageHello Stage = "hello"
	// StageMail is the MAIL FROM command.
	StageMail Stage = "mail"
	// StageRcpt is the RCPT TO command.
	StageRcpt Stage = "rcpt"
	// StageData is the end of the message, before the answer to it.
	StageData Stage = "data"
)

// Step is what a script decides about.
type Step struct {
	Stage Stage
	// Conn is the number of the connection, from 1.
	Conn int
	// From and To are the envelope's addresses as far as they are known; To is
	// the last recipient.
	From, To string
}

// Action is a script's decision; the zero value goes on normally.
type Action struct {
	// Code, when not zero, is answered instead of success.
	Code int
	// Enhanced is the status of RFC 3463, such as {5, 1, 1}.
	Enhanced [3]int
	Text     string
	// Hangup closes the connection: after the answer if there is a Code,
	// instead of one otherwise.
	Hangup bool
	// Keep stores the message although its sender is not told so: the answer
	// was lost on the way.
	Keep bool
	// Hold, when set, delays the step until it is closed.
	Hold <-chan struct{}
}

// session is one conversation after its greeting.
type session struct {
	catcher  *Catcher
	conn     *smtp.Conn
	number   int
	user     string
	from, to string
	rcpts    []string
}

func (c *Catcher) newSession(conn *smtp.Conn) (smtp.Session, error) {
	s := &session{catcher: c, conn: conn, number: numberOf(conn.Conn())}
	if err := s.decide(StageHello); err != nil {
		return nil, err
	}
	return s, nil
}

// decide asks the script about a step and does what it says; an error is the
// answer to send.
func (s *session) decide(stage Stage) error { return s.carryOut(s.ask(stage)) }

// ask asks the script about a step.
func (s *session) ask(stage Stage) Action {
	script := s.catcher.opts.Script
	if script == nil {
		return Action{}
	}
	a := script(Step{Stage: stage, Conn: s.number, From: s.from, To: s.to})
	if a.Hold != nil {
		<-a.Hold
	}
	return a
}

// carryOut does what the script said.
func (s *session) carryOut(a Action) error {
	if !a.Hangup {
		if a.Code == 0 {
			return nil
		}
		return &smtp.SMTPError{Code: a.Code, EnhancedCode: a.Enhanced, Message: a.Text}
	}
	raw := s.conn.Conn()
	if a.Code != 0 {
		// The library would answer after we return, when the connection is
		// already closed; so the last words are written here.
		_, _ = fmt.Fprintf(raw, "%d %d.%d.%d %s\r\n", a.Code, a.Enhanced[0], a.Enhanced[1], a.Enhanced[2], a.Text)
	}
	_ = raw.Close()
	return &smtp.SMTPError{Code: 421, Message: "closing connection"}
}

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string {
	if s.catcher.opts.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		o := s.catcher.opts
		sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(o.User))
		samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(o.Password))
		if sameUser&samePassword != 1 {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.catcher.opts.User != "" && s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.from = from
	return s.decide(StageMail)
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	if err := s.decide(StageRcpt); err != nil {
		return err
	}
	s.rcpts = append(s.rcpts, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	a := s.ask(StageData)
	if a.Keep || a.Code == 0 && !a.Hangup {
		_, secure := s.conn.TLSConnectionState()
		s.catcher.keep(parse(Message{
			Conn: s.number, TLS: secure, User: s.user, From: s.from, To: s.rcpts, Raw: raw,
		}))
	}
	return s.carryOut(a)
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.to, s.rcpts = "", "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }
