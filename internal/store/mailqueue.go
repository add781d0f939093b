package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/ent/db/mailattempt"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// mailQueue is mail.Queue.
type mailQueue struct{ *Store }

// MailQueue is where mails wait until they are sent.
func (s *Store) MailQueue() mail.Queue { return mailQueue{s} }

// kindOfMail is the one table between what rooms ask to be mailed and what the
// mail room calls it. A word it lacks is passed on, for the mail to fail by name.
func kindOfMail(asked string) mail.Kind {
	kinds := map[string]mail.Kind{
		string(onboard.MailSetup):           mail.KindSetup,
		string(onboard.MailReset):           mail.KindReset,
		string(onboard.MailPasswordChanged): mail.KindPasswordChanged,
		string(registry.NoticeHeld):         mail.KindSyncHeld,
		string(registry.NoticeQuarantined):  mail.KindSyncQuarantined,
		string(registry.NoticeRecovered):    mail.KindSyncRecovered,

		string(registry.NoticeWebhookDisabled): mail.KindWebhookDisabled,
		string(registry.NoticeTokenExpiring):   mail.KindTokenExpiring,
		string(registry.NoticeDigest):          mail.KindDigest,
	}
	if k, ok := kinds[asked]; ok {
		return k
	}
	return mail.Kind(asked)
}

// Claim implements mail.Queue. What rendering needs is read after the claim is
// committed: it is as fresh as can be, and holds nobody up.
func (q mailQueue) Claim(ctx context.Context, n int, lease time.Duration) ([]mail.Queued, error) {
	claimed, err := q.claimMails(ctx, n, lease)
	if err != nil {
		return nil, err
	}
	var out []mail.Queued
	for company, ids := range claimed {
		err := q.view(ctx, func(x *session) error {
			mails, err := x.tenant(company).mailsToSend(ctx, ids)
			out = append(out, mails...)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read claimed mails: %w", err)
		}
	}
	slices.SortFunc(out, func(a, b mail.Queued) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// queuedRow is a mail with the user it is for.
type queuedRow struct {
	mail.Queued
	user registry.UserID
}

func scanQueued(rows *sql.Rows) (queuedRow, error) {
	var m queuedRow
	var kind string
	var created, released int64
	var data []byte
	err := rows.Scan(&m.ID, &m.user, &kind, &m.To, &m.MessageID, &m.LinkUID, &m.Attempts, &created, &released, &data,
		&m.CompanyKey, &m.CompanyName, &m.CompanyLocale)
	if err == nil && len(data) > 0 {
		err = json.Unmarshal(data, &m.Data)
	}
	m.Kind, m.CreatedAt = kindOfMail(kind), fromMicros(max(created, released))
	return m, err
}

// mailsToSend reads mails of the company with all that rendering needs.
func (t *tenantTx) mailsToSend(ctx context.Context, ids []int64) ([]mail.Queued, error) {
	rows, err := t.query(ctx, `SELECT m.id, m.user_id, m.kind, m.address, m.message_id, m.link_uid, m.attempts, m.created_at, m.released_at, m.data,
		c.key, c.name, c.locale FROM mails m JOIN companies c ON c.id = m.company_id WHERE m.company_id = ? AND `+t.s.anyOf("m.id"),
		t.company, keys(t.s, ids))
	found, err := collect(rows, err, scanQueued)
	if err != nil {
		return nil, err
	}
	var userIDs []registry.UserID
	var uids []string
	for _, m := range found {
		userIDs, uids = append(userIDs, m.user), append(uids, m.LinkUID)
	}
	users, err := t.seen(ctx, userIDs...)
	if err != nil {
		return nil, err
	}
	links, err := t.setupLinks(ctx, uids...)
	if err != nil {
		return nil, err
	}
	discreet, err := t.discretion(ctx, userIDs)
	if err != nil {
		return nil, err
	}
	out := make([]mail.Queued, len(found))
	for i, m := range found {
		out[i] = m.Queued
		u, link := users[m.user], links[m.LinkUID]
		if u != nil {
			out[i].Locale, out[i].DisplayName, out[i].UserName = u.Locale(), u.DisplayName(), u.UserName()
		}
		out[i].LinkExpires, out[i].LinkPurpose = link.ExpiresAt, string(link.Purpose)
		discreet.apply(&out[i], m.user, link)
		out[i].Stale = staleness(m.Queued, u, link, t.s.now())
	}
	return out, nil
}

// staleness says why a mail should no longer be sent, or "". The link is zero
// where the mail has none.
func staleness(m mail.Queued, u *registry.User, link onboard.Link, now time.Time) registry.Said {
	switch {
	case u == nil || u.State() == registry.StateDeleted:
		return registry.Say("the person was deleted")
	case registry.Key(u.Email()) != registry.Key(m.To):
		return registry.Say("the person has another address by now")
	case m.LinkUID == "":
		return ""
	case link.UID == "":
		return registry.Say("the link in it is gone")
	case link.Purpose == auth.PurposeSetup && u.State() == registry.StateActive:
		return registry.Say("the person can sign in already")
	}
	return map[auth.LinkState]registry.Said{
		auth.LinkUsed:       registry.Say("the link in it was used"),
		auth.LinkClosed:     registry.Say("the person was deactivated or blocked"),
		auth.LinkSuperseded: registry.Say("the link in it was superseded"),
		auth.LinkExpired:    registry.Say("the link in it had expired"),
	}[onboard.StateOf(link, u, now)]
}

// attemptsTable is where tries to deliver go.
var attemptsTable = newTable(mailattempt.Table,
	"company_id", mailattempt.FieldMailID, mailattempt.FieldAt, mailattempt.FieldOutcome, mailattempt.FieldCode, mailattempt.FieldMessage,
)

// Finish implements mail.Queue.
func (q mailQueue) Finish(ctx context.Context, results []mail.Result) error {
	ids := make([]int64, len(results))
	for i, r := range results {
		ids[i] = r.ID
	}
	return q.inTx(ctx, func(x *session) error {
		held, err := x.holdMails(ctx, ids)
		if err != nil {
			return err
		}
		var tries [][]any
		for _, r := range results {
			m, there := held[r.ID]
			if !there {
				continue // erased while it was being sent
			}
			if err := x.tenant(m.company).finishMail(ctx, m, r); err != nil {
				return fmt.Errorf("finish mail %d: %w", r.ID, err)
			}
			if r.Attempted {
				tries = append(tries, []any{int64(m.company), r.ID, micros(r.At), string(r.State), answerCode(r), asText(r.Text)})
			}
		}
		_, err = x.insert(ctx, attemptsTable, tries)
		return err
	})
}

// finishMail brings a mail into its next state. One that was cancelled, or sent
// by somebody else, in the meantime stays so, unless it was sent by now.
func (t *tenantTx) finishMail(ctx context.Context, m claimedMail, r mail.Result) error {
	tries := 0
	if r.Attempted {
		tries = 1
	}
	if m.state != mailQueued && r.State != mail.StateSent {
		_, err := t.exec(ctx, `UPDATE mails SET attempts = attempts + ?, claimed_until = 0 WHERE company_id = ? AND id = ?`, tries, t.company, r.ID)
		return err
	}
	state, ok := map[mail.State]string{
		mail.StateSent: mailSent, mail.StateRetry: mailQueued, mail.StateFailed: mailFailed, mail.StateCancelled: mailCancelled,
	}[r.State]
	if !ok {
		return fmt.Errorf("no such state: %q", r.State)
	}
	next, finished := int64(0), micros(r.At)
	if state == mailQueued {
		next, finished = max(micros(r.NextTry), 1), 0 // 0 would be never
	}
	_, err := t.exec(ctx, `UPDATE mails SET state = ?, attempts = attempts + ?, next_try = ?, claimed_until = 0, code = ?, message = ?, finished_at = ?
		WHERE company_id = ? AND id = ?`, state, tries, next, answerCode(r), asText(r.Text), finished, t.company, r.ID)
	return err
}

// answerCode is the server's code and enhanced status, such as "550 5.1.1", or "".
func answerCode(r mail.Result) string {
	if r.Code == 0 {
		return r.Enhanced
	}
	return strings.TrimSpace(strconv.Itoa(r.Code) + " " + r.Enhanced)
}
