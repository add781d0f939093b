package app

import (
	"bytes"
	"context"
	"encoding/base64"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
)

// Recognise implements api.Contacts.
func (d *apiDesk) Recognise(ctx context.Context, who *api.Who, in api.RecogniseInput) (api.Recognised, error) {
	b := in.Body
	met, err := d.Core.Recognise(ctx, who.Company, registry.OriginAPI, Encounter{
		Email: b.Email, GivenName: b.GivenName, FamilyName: b.FamilyName, DisplayName: b.DisplayName, Phone: b.Phone, Locale: b.Locale,
		TeamsTenant: b.TeamsTenant, TeamsObject: b.TeamsObject, Reason: b.Reason, Actor: who.Actor,
	})
	if err != nil {
		return api.Recognised{}, err
	}
	u := met.User
	return api.Recognised{
		ID: u.PublicID, UserName: u.UserName(), Name: u.DisplayName(), Association: string(u.Association), State: string(u.State()), New: met.New,
	}, nil
}

// IntakeMail implements api.Contacts.
func (d *apiDesk) IntakeMail(ctx context.Context, who *api.Who, in api.MailIntakeInput) (api.Sender, error) {
	raw, err := base64.StdEncoding.DecodeString(in.Body.Message)
	if err != nil {
		return api.Sender{}, registry.Refuse(registry.CodeInvalidValue, "message: not base64 (RFC 4648 section 4)")
	}
	a, err := d.Core.IntakeMail(ctx, who.Company, in.Body.Mailbox, bytes.NewReader(raw))
	if err != nil {
		return api.Sender{}, err
	}
	return api.Sender{
		Outcome: string(a.Outcome), ID: a.ID, Name: a.Name, Association: string(a.Strength), New: a.New, Address: a.Sender,
		Verdict: string(a.Verdict), Candidates: a.Candidates,
	}, nil
}
