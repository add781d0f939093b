package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"os"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/config"
	usermail "github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/onboard"
)

// onboarding builds the service behind set-up links and passwords.
func (s *Server) onboarding() (*onboard.Service, error) {
	var err error
	if s.hasher, err = auth.NewHasher(auth.DefaultParams(), rand.Reader); err != nil {
		return nil, err
	}
	return onboard.New(onboard.Deps{
		Store: s.Store.Onboarding(messageDomain(s.Config), newID), Minter: s.minter, Hasher: s.hasher, Now: s.Now, NewUID: newID, Log: s.Log,
	}, onboard.Config{SetupLife: setupLife}), nil
}

// newTransport builds what speaks to the mail server.
func newTransport(cfg *config.Config) (*usermail.Transport, error) {
	from, err := usermail.ParseFrom(cfg.Mail.From)
	if err != nil {
		return nil, cfg.Fault("mail.from", err.Error(), "")
	}
	m := cfg.Mail.SMTP
	server := usermail.Server{
		Host: m.Host, Port: m.Port, ImplicitTLS: m.Implicit, StartTLS: usermail.StartTLS(m.StartTLS),
		User: m.Username, Password: m.Password.Reveal(), Hello: m.Hello,
	}
	if m.CAFile != "" {
		roots, err := roots(m.CAFile)
		if err != nil {
			return nil, cfg.Fault("mail.smtp", "ca_file: "+err.Error(), "")
		}
		server.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return usermail.NewTransport(server, from, 30*time.Second), nil
}

// roots reads the authorities to trust.
func roots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("it holds no certificate in PEM")
	}
	return pool, nil
}

// newDrainer builds what sends the mails.
func (s *Server) newDrainer() (*usermail.Drainer, error) {
	renderer, err := usermail.NewRenderer(time.UTC)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(s.Config)
	if err != nil {
		return nil, err
	}
	perMinute := 0
	if r := s.Config.Mail.Rate; r.Count > 0 {
		perMinute = int(math.Ceil(float64(r.Count) * float64(time.Minute) / float64(r.Per)))
	}
	return usermail.NewDrainer(usermail.DrainerConfig{
		Queue: s.Store.MailQueue(), Renderer: renderer, Sender: transport, PerMinute: perMinute, Now: s.Now, Random: mathrand.Float64,
		LinkURL: func(q usermail.Queued) string {
			return s.Config.PublicURL + "/setup/" + s.minter.Token(q.LinkUID, q.LinkPurpose)
		},
		PageURL: func(path string) string { return s.Config.PublicURL + path },
		House:   messageDomain(s.Config),
	}), nil
}

// drainMail sends what is due, and tells the log when the mail server begins to
// fail and when it works again.
func (s *Server) drainMail(ctx context.Context) error {
	stats, err := s.drainer.Drain(ctx)
	if err != nil {
		return fmt.Errorf("send mails: %w", err)
	}
	s.countMails(stats)
	was, _ := s.mailTrouble.Swap(stats.Trouble).(string)
	switch {
	case stats.Trouble != "" && was == "":
		s.Log.WarnContext(ctx, "mails wait", "why", stats.Trouble)
	case stats.Trouble == "" && was != "" && stats.Sent > 0:
		s.Log.InfoContext(ctx, "mails are sent again", "sent", stats.Sent)
	case stats.Trouble == "" && stats.Sent == 0:
		s.mailTrouble.Store(was) // nothing was due: no news
	}
	return nil
}
