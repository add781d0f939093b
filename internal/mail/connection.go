package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"syscall"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/usherd/usher/internal/registry"
)

// grace is how long a mail that is on its way may still take once we were told
// to stop: cutting it off would leave open whether the server has it.
const grace = 5 * time.Second

// connection is one session with the mail server.
type connection struct {
	client  *smtp.Client
	raw     net.Conn
	timeout time.Duration
}

// dial connects, encrypts and authenticates as the server's settings say.
func dial(ctx context.Context, s Server, timeout time.Duration) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	raw, err := dialRaw(ctx, s)
	if err != nil {
		return nil, err
	}
	handOver := func(context.Context, string, string) (net.Conn, error) { return raw, nil }
	library, err := gomail.NewClient(s.Host, s.clientOptions(timeout, handOver)...)
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("set up mail client for %s: %w", s.addr(), err)
	}
	// The library talks without looking at the context.
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	client, err := library.DialToSMTPClientWithContext(ctx)
	if err != nil {
		// The library leaves the connection open when the greeting, TLS or
		// authentication fails.
		_ = raw.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, fmt.Errorf("connect to mail server %s: %w", s.addr(), err)
	}
	return &connection{client: client, raw: raw, timeout: timeout}, nil
}

func dialRaw(ctx context.Context, s Server) (net.Conn, error) {
	var dialer interface {
		DialContext(ctx context.Context, network, addr string) (net.Conn, error)
	} = &net.Dialer{}
	if s.ImplicitTLS {
		dialer = &tls.Dialer{Config: s.tlsConfig()}
	}
	raw, err := dialer.DialContext(ctx, "tcp", s.addr())
	if err != nil {
		return nil, fmt.Errorf("connect to mail server %s: %w", s.addr(), err)
	}
	return raw, nil
}

// send gives one mail to the server. usable says whether the connection can
// carry another.
func (c *connection) send(ctx context.Context, from *mail.Address, m Outgoing) (o Outcome, usable bool) {
	to, err := parseRecipient(m.To)
	if err != nil {
		return Outcome{Status: Refused, Text: registry.SaidOf(err)}, true
	}
	if to.utf8 {
		if ok, _ := c.client.Extension("SMTPUTF8"); !ok {
			return Outcome{Status: Refused, Text: registry.Say("the mail server does not take addresses " +
				"with letters beyond ASCII before the @ (it lacks SMTPUTF8)")}, true
		}
	}
	var body bytes.Buffer
	if _, err := compose(from, to, m).WriteTo(&body); err != nil {
		return Outcome{Status: Refused, Text: registry.Say("the message could not be put together: %s", cleanText(err.Error(), maxShortText))}, true
	}
	if err := c.client.UpdateDeadline(c.timeout); err != nil {
		return judge(atConnect, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.raw.SetDeadline(graceful(c.timeout)) })
	defer stop()
	return c.transact(from.Address, to, body.Bytes())
}

// transact is one mail transaction (RFC 5321 section 3.3).
func (c *connection) transact(from string, to recipient, body []byte) (Outcome, bool) {
	// Announcing SMTPUTF8 where it is not needed makes the mail undeliverable
	// beyond the first server that lacks it (RFC 6531 section 3.4).
	c.client.SkipSMTPUTF8(!to.utf8 && isASCII(from))
	if err := c.client.Mail(envelope(from)); err != nil {
		return judge(atSender, err)
	}
	if err := c.client.Rcpt(envelope(to.address)); err != nil {
		return c.afterRefusal(judge(atRecipient, err))
	}
	w, err := c.client.Data()
	if err != nil {
		return c.afterRefusal(judge(atRecipient, err))
	}
	if _, err := w.Write(body); err != nil {
		// Half a message was sent; closing the writer would end it with a dot
		// and have it accepted as it is.
		return Outcome{Status: Temporary, Text: describe(err)}, false
	}
	if err := w.Close(); err != nil {
		return judge(atContent, err)
	}
	o := Outcome{Status: Delivered, Code: 250}
	if data, ok := w.(*smtp.DataCloser); ok {
		answer := cleanText(data.ServerResponse(), maxShortText)
		o.Text, o.Enhanced = registry.Verbatim(answer), enhancedIn(answer)
	}
	return o, true
}

// afterRefusal ends a transaction that stopped before its content, so that the
// next one may begin.
func (c *connection) afterRefusal(o Outcome, usable bool) (Outcome, bool) {
	if usable && c.client.Reset() != nil {
		usable = false
	}
	return o, usable
}

// alive asks a connection that has waited whether it still works.
func (c *connection) alive() bool {
	return c.client.UpdateDeadline(c.timeout) == nil && c.client.Reset() == nil
}

// quit says goodbye.
func (c *connection) quit() {
	_ = c.raw.SetDeadline(graceful(c.timeout))
	_ = c.client.Quit()
	c.close()
}

// graceful is when a conversation that is to end has to have ended.
func graceful(timeout time.Duration) time.Time {
	return time.Now().Add(min(grace, timeout)) //nolint:forbidigo // the network keeps real time
}

// close drops the connection.
func (c *connection) close() { _ = c.raw.Close() }

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// isEnd reports whether the other side hung up.
func isEnd(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
