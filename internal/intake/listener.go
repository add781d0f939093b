package intake

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/usherd/usher/internal/registry"
)

// ListenerConfig says how mail is taken.
type ListenerConfig struct {
	// LMTP has the listener speak LMTP (RFC 2033), which answers for each recipient;
	// else it speaks SMTP.
	LMTP bool
	// Domain is the name it greets with.
	Domain string
	// MaxSize is how many bytes a message may have, MaxRecipients how many
	// recipients, 0 for the defaults.
	MaxSize       int64
	MaxRecipients int
	// TLS offers STARTTLS, nil does not.
	TLS *tls.Config
	// Company finds a company by its key.
	Company func(ctx context.Context, key string) (registry.CompanyID, error)
}

// The limits of a conversation.
const (
	defaultMaxSize       = 32 << 20
	defaultMaxRecipients = 100
	maxLine              = 4096
	conversationPause    = time.Minute
	deliveryTimeout      = 30 * time.Second
	closePatience        = 500 * time.Millisecond
)

// Listener takes mail from the mail server in front of it.
type Listener struct {
	room   *Mailroom
	cfg    ListenerConfig
	server *smtp.Server
	work   context.Context //nolint:containedctx // the library hands a session none; this one ends with the listener
	cancel context.CancelFunc
}

// NewListener makes a Listener of a mailroom.
func NewListener(room *Mailroom, cfg ListenerConfig, log *slog.Logger) *Listener {
	l := &Listener{room: room, cfg: cfg}
	l.work, l.cancel = context.WithCancel(context.Background())
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{listener: l}, nil }))
	s.LMTP, s.Domain, s.TLSConfig, s.EnableSMTPUTF8 = cfg.LMTP, cfg.Domain, cfg.TLS, true
	s.MaxMessageBytes, s.MaxRecipients, s.MaxLineLength = cfg.MaxSize, cfg.MaxRecipients, maxLine
	if s.MaxMessageBytes == 0 {
		s.MaxMessageBytes = defaultMaxSize
	}
	if s.MaxRecipients == 0 {
		s.MaxRecipients = defaultMaxRecipients
	}
	s.ReadTimeout, s.WriteTimeout = conversationPause, conversationPause
	s.ErrorLog = smtpLog{log}
	l.server = s
	return l
}

// Serve takes mail on a socket until Close; its error then is nil.
func (l *Listener) Serve(socket net.Listener) error {
	err := l.server.Serve(socket)
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close lets the deliveries under way end, for a moment, and drops the rest: their
// mail server tries again. It does not wait longer because mail servers keep
// connections open on which nothing happens.
func (l *Listener) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, closePatience)
	defer cancel()
	err := l.server.Shutdown(ctx)
	l.cancel()
	if err == nil || errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	if err := l.server.Close(); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
		return fmt.Errorf("close mail listener: %w", err)
	}
	return nil
}

// session is one conversation.
type session struct {
	listener   *Listener
	returnPath string
	recipients []recipient
}

// recipient is one of ours, as the envelope has it and as it is known.
type recipient struct{ typed, key, company string }

var (
	errNoSuchMailbox = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}
	errLater         = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Not now, try again later"}
)

// Reset implements smtp.Session.
func (s *session) Reset() { s.returnPath, s.recipients = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// Mail implements smtp.Session. Any sender is taken: bounces are seen as what they
// are and answered by nobody.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.returnPath = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	key, company, ok := s.listener.room.settings.recipient(to)
	if !ok {
		return errNoSuchMailbox
	}
	s.recipients = append(s.recipients, recipient{to, key, company})
	return nil
}

// CompanyOf is the key of the company that an address takes mail for; ok is false for
// one that the settings do not name.
func (m *Mailroom) CompanyOf(mailbox string) (company string, ok bool) {
	_, company, ok = m.settings.recipient(mailbox)
	return company, ok
}

// recipient finds one of ours; a tag of the mailbox is none of our business.
func (s *Settings) recipient(to string) (key, company string, ok bool) {
	key, err := keyOfAddress(to)
	if err != nil {
		return "", "", false
	}
	if !s.recipients[key] {
		local, domain, _ := strings.Cut(key, "@")
		local, _, _ = strings.Cut(local, "+")
		key = local + "@" + domain
	}
	return key, s.companies[key], s.recipients[key]
}

// Data implements smtp.Session, which has one answer for all: a failure of one is
// a failure of all, and those who were served find their message again by its id.
func (s *session) Data(r io.Reader) error {
	var failed error
	err := s.deliver(r, func(_ string, err error) {
		if err != nil {
			failed = err
		}
	})
	if err != nil {
		return err
	}
	return failed
}

// LMTPData implements smtp.LMTPSession.
func (s *session) LMTPData(r io.Reader, status smtp.StatusCollector) error {
	return s.deliver(r, status.SetStatus)
}

// deliver reads the message once and answers for each recipient. What makes nobody
// is taken all the same: refusing it would have the mail server send a bounce to
// somebody who never wrote.
func (s *session) deliver(r io.Reader, answer func(rcpt string, err error)) error {
	ctx, cancel := context.WithTimeout(s.listener.work, deliveryTimeout)
	defer cancel()
	letter, err := Read(r, &s.returnPath)
	if err != nil {
		var own *smtp.SMTPError
		if errors.As(err, &own) {
			return own // too long a line, too large a message
		}
		return err
	}
	done := map[string]error{}
	for _, to := range s.recipients {
		err, delivered := done[to.key]
		if !delivered {
			err = s.deliverTo(ctx, to, letter)
			done[to.key] = err
		}
		answer(to.typed, err)
	}
	return nil
}

func (s *session) deliverTo(ctx context.Context, to recipient, letter *Letter) error {
	room := s.listener.room
	company, err := s.listener.cfg.Company(ctx, to.company)
	if err == nil {
		var a Answer
		if a, err = room.Receive(ctx, company, to.key, letter); err == nil {
			room.log.InfoContext(ctx, "message taken", "company", to.company, "outcome", string(a.Outcome), "verdict", string(a.Verdict), "person", a.ID)
			return nil
		}
	}
	room.log.WarnContext(ctx, "message put off", "company", to.company, "error", err)
	return errLater
}

// smtpLog has the library's complaints in our log.
type smtpLog struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (l smtpLog) Printf(format string, v ...any) { l.Println(fmt.Sprintf(format, v...)) }

// Println implements smtp.Logger.
func (l smtpLog) Println(v ...any) {
	l.log.Debug("mail listener", "says", strings.TrimSpace(fmt.Sprintln(v...)))
}
