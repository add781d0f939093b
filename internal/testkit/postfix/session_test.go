package postfix_test

import (
	"io"

	"github.com/emersion/go-smtp"
)

// session takes everything.
type session struct {
	got chan string
	to  string
}

func (s *session) Reset()                                    {}
func (s *session) Logout() error                             { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error      { return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error { s.to = to; return nil }
func (s *session) Data(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	s.got <- s.to
	return err
}
