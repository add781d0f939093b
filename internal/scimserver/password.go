package scimserver

import (
	"context"
	"errors"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
)

// NewPassword judges a new password of somebody of a company, of whom about is
// known, and gives what is stored of it. A weak one is an *auth.PasswordError.
type NewPassword func(ctx context.Context, company registry.CompanyID, about []string, password string) (hash string, err error)

// aboutPerson are the attributes that a password must not be made of.
var aboutPerson = []string{
	registry.AttrUserName, registry.AttrDisplayName, registry.AttrGivenName, registry.AttrMiddleName,
	registry.AttrFamilyName, registry.AttrNickName, registry.AttrEmails,
}

// weaknesses are the reasons against a password in words.
var weaknesses = map[auth.Weakness]string{
	auth.WeakShort: "it is too short", auth.WeakLong: "it is too long", auth.WeakPersonal: "it is made of the person's or the company's name",
	auth.WeakCommon: "it is a common one", auth.WeakRepeated: "it repeats itself", auth.WeakRuns: "it is a run of neighbouring keys or letters",
	auth.WeakSame: "it is the present one",
}

// passwordHash is what is stored of the password that a document holds, "" where
// it holds none or the connection's passwords are forgotten.
func (b *backend) passwordHash(ctx context.Context, c caller, known registry.Attributes, password string) (string, error) {
	if password == "" || !c.Passwords {
		return "", nil
	}
	var about []string
	for _, name := range aboutPerson {
		about = append(about, known[name]...)
	}
	hash, err := b.password(ctx, c.Origin.Company, about, password)
	var weak *auth.PasswordError
	if errors.As(err, &weak) {
		return "", scim.Errorf(scim.InvalidValue, "the password is refused: %s", weaknesses[weak.Weakness])
	}
	return hash, err
}
