package app

import (
	"context"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/web/admin"
)

// Mail implements admin.Desk.
func (c *console) Mail(ctx context.Context, messageID string) (admin.Mail, error) {
	m, err := c.tenant.MailByMessageID(ctx, messageID)
	return toMail(m), err
}

// ReleaseMails implements admin.Desk.
func (c *console) ReleaseMails(ctx context.Context) (int, error) {
	return c.server.Core.ReleaseMails(ctx, c.company.ID)
}

// onMail does something to a mail that its state may stand against.
func (c *console) onMail(ctx context.Context, messageID string, do func(*store.Tenant, int64) (bool, error)) error {
	m, err := c.tenant.MailByMessageID(ctx, messageID)
	if err != nil {
		return err
	}
	done, err := do(c.tenant, m.ID)
	if err == nil && !done {
		err = registry.Refuse(registry.CodeMailState, "the mail is %s", registry.Word(m.State))
	}
	return refused(err)
}

// ReleaseMail implements admin.Desk.
func (c *console) ReleaseMail(ctx context.Context, messageID string) error {
	return c.onMail(ctx, messageID, func(_ *store.Tenant, id int64) (bool, error) { return c.server.Core.ReleaseMail(ctx, c.company.ID, id) })
}

// CancelMail implements admin.Desk.
func (c *console) CancelMail(ctx context.Context, messageID, actor string) error {
	return c.onMail(ctx, messageID, func(t *store.Tenant, id int64) (bool, error) { return t.CancelMail(ctx, id, actor) })
}

// ResendMail implements admin.Desk.
func (c *console) ResendMail(ctx context.Context, messageID string) error {
	return c.onMail(ctx, messageID, func(t *store.Tenant, id int64) (bool, error) { return t.ResendMail(ctx, id, c.server.Now()) })
}
