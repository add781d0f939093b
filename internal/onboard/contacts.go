package onboard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/usherd/usher/internal/address"
	"github.com/usherd/usher/internal/registry"
)

// Applier carries out a batch by the rules; *registry.Registry is one.
type Applier interface {
	Apply(ctx context.Context, b registry.Batch) ([]registry.Result, error)
}

// Contacts finds who somebody is who did not sign in, and makes a contact of a
// stranger: the one road for mail, Teams, the API, the console and the command
// line. It is safe for concurrent use.
type Contacts struct {
	registry Applier
	doors    func(registry.CompanyID) Doors
	entra    func(ctx context.Context, company registry.CompanyID, tenant string) ([]registry.OriginID, error)

	mu    sync.Mutex
	known map[door]registry.Origin
}

// Doors are the origins of one company.
type Doors interface {
	EnsureOrigin(ctx context.Context, kind registry.OriginKind, key string) (registry.Origin, error)
}

// door names an origin that every company has one of.
type door struct {
	company registry.CompanyID
	kind    registry.OriginKind
}

// NewContacts makes the service. entra names the company's sources that read a
// Microsoft tenant; their anchors are object ids.
func NewContacts(r Applier, doors func(registry.CompanyID) Doors,
	entra func(ctx context.Context, company registry.CompanyID, tenant string) ([]registry.OriginID, error),
) *Contacts {
	return &Contacts{registry: r, doors: doors, entra: entra, known: map[door]registry.Origin{}}
}

// Door is the company's one origin of a kind.
func (c *Contacts) Door(ctx context.Context, company registry.CompanyID, kind registry.OriginKind) (registry.Origin, error) {
	key := door{company, kind}
	c.mu.Lock()
	o, ok := c.known[key]
	c.mu.Unlock()
	if ok {
		return o, nil
	}
	o, err := c.doors(company).EnsureOrigin(ctx, kind, string(kind))
	if err != nil {
		return o, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[key] = o
	return o, nil
}

// Recognise finds who was met at a door, or makes a contact of the stranger. The
// error is a *registry.Error with code ambiguous_match when several people fit;
// Met then has them and nobody new was made, and with code invalid_value when the
// address or the ids are none.
func (c *Contacts) Recognise(ctx context.Context, company registry.CompanyID, kind registry.OriginKind, e registry.Encounter) (registry.Met, error) {
	at, err := c.Door(ctx, company, kind)
	if err != nil {
		return registry.Met{}, err
	}
	op, err := c.meeting(ctx, company, e)
	if err != nil {
		return registry.Met{}, err
	}
	res, err := c.registry.Apply(ctx, registry.Batch{Company: company, Origin: at, Actor: e.Actor, Ops: []registry.Op{op}})
	if err != nil {
		return registry.Met{}, fmt.Errorf("recognise: %w", err)
	}
	r := res[0]
	if r.Refused != nil {
		return registry.Met{Candidates: r.Candidates}, r.Refused
	}
	return registry.Met{User: r.Subject, New: r.Change != nil && r.Change.Action == registry.ActionCreate}, nil
}

// meeting is an encounter as the registry takes it.
func (c *Contacts) meeting(ctx context.Context, company registry.CompanyID, e registry.Encounter) (registry.Meet, error) {
	op := registry.Meet{Attributes: registry.Attributes{}, Guess: registry.Attributes{}, Verified: e.Verified, Reason: registry.Printable(e.Reason)}
	claim := registry.Attributes{}
	claim.Set(registry.AttrDisplayName, registry.CleanClaim(e.Claim))
	if e.Email != "" {
		if err := c.mailbox(ctx, company, e.Email, claim, &op); err != nil {
			return op, err
		}
	}
	if e.TeamsTenant != "" || e.TeamsObject != "" {
		if err := c.teams(ctx, company, e, claim, &op); err != nil {
			return op, err
		}
	}
	believed := map[string]string{
		registry.AttrGivenName: e.GivenName, registry.AttrFamilyName: e.FamilyName, registry.AttrDisplayName: e.DisplayName,
		registry.AttrPhone: e.Phone, registry.AttrLocale: e.Locale,
	}
	if full := strings.TrimSpace(e.GivenName + " " + e.FamilyName); e.DisplayName == "" && full != "" {
		believed[registry.AttrDisplayName] = full
	}
	for name, value := range believed {
		if value = registry.CleanClaim(value); value != "" {
			op.Attributes.Set(name, value)
			op.Fill = append(op.Fill, name)
		}
	}
	return op, nil
}

// mailbox enters an address and the name that it makes people guess.
func (c *Contacts) mailbox(ctx context.Context, company registry.CompanyID, typed string, claim registry.Attributes, op *registry.Meet) error {
	a, err := address.Parse(typed)
	if err != nil {
		return registry.Refuse(registry.CodeInvalidValue, "%q is not a mail address", registry.Printable(typed))
	}
	at, err := c.Door(ctx, company, registry.OriginMail)
	if err != nil {
		return err
	}
	op.Mailbox = registry.Tie{Origin: at.ID, Anchor: a.Key(), Name: a.Typed, Claim: claim}
	op.Attributes.Set(registry.AttrEmails, a.Forms()...)
	given, family := registry.GuessName(a.Local)
	for name, value := range map[string]string{
		registry.AttrGivenName: given, registry.AttrFamilyName: family, registry.AttrDisplayName: strings.TrimSpace(given + " " + family),
	} {
		op.Guess.Set(name, value)
		op.Attributes.Set(name, value)
	}
	return nil
}

// teams enters an id in Microsoft Teams. The name there is not the person's own
// word but the tenant's, and where there is no address it is all there is.
func (c *Contacts) teams(ctx context.Context, company registry.CompanyID, e registry.Encounter, claim registry.Attributes, op *registry.Meet) error {
	tenant, object := strings.ToLower(e.TeamsTenant), strings.ToLower(e.TeamsObject)
	if !isGUID(tenant) || !isGUID(object) {
		return registry.Refuse(registry.CodeInvalidValue, "a Teams id is a tenant id and an object id, both in the form 01234567-89ab-cdef-0123-456789abcdef")
	}
	at, err := c.Door(ctx, company, registry.OriginTeams)
	if err != nil {
		return err
	}
	op.Object = registry.Tie{Origin: at.ID, Anchor: TeamsAnchor(tenant, object), Name: registry.CleanClaim(e.Claim), Claim: claim}
	if op.Attributes.First(registry.AttrDisplayName) == "" {
		op.Attributes.Set(registry.AttrDisplayName, op.Object.Name)
	}
	sources, err := c.entra(ctx, company, tenant)
	if err != nil {
		return fmt.Errorf("look for sources of the tenant: %w", err)
	}
	for _, source := range sources {
		op.Clues = append(op.Clues, registry.Tie{Origin: source, Anchor: object})
	}
	return nil
}

// TeamsAnchor is the anchor of a person in Teams: object ids mean something inside
// their tenant.
func TeamsAnchor(tenant, object string) string {
	return strings.ToLower(tenant) + "/" + strings.ToLower(object)
}

// isGUID reports whether s is 32 hexadecimal digits in the groups of a GUID.
func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(s[i])) {
			return false
		}
	}
	return true
}

// IsAmbiguous reports whether a meeting was refused because several people fit.
func IsAmbiguous(err error) bool {
	var e *registry.Error
	return errors.As(err, &e) && e.Code == registry.CodeAmbiguous
}
