package onboard

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"github.com/usherd/usher/internal/registry"
)

// formField is a field of the registration forms: who has to fill it in, and
// what it may hold.
type formField struct {
	name     string
	required map[registry.Kind]bool // in which form it is, and whether it must be filled in
	longest  int                    // characters
	check    func(string) registry.FormFault
}

// formFields is the one table of what the forms take.
func formFields() []formField {
	user, staff := registry.EndUser, registry.SupportStaff
	both, either := map[registry.Kind]bool{user: true, staff: true}, map[registry.Kind]bool{user: false, staff: false}
	return []formField{
		{registry.FieldLogin, both, maxLogin, checkLogin},
		{registry.FieldGiven, both, 100, nil},
		{registry.FieldFamily, both, 100, nil},
		{registry.FieldMail, both, 254, checkMail},
		{registry.FieldPhone, either, 40, checkPhone},
		{registry.FieldLocale, either, 35, nil},
		{registry.FieldContract, map[registry.Kind]bool{user: true}, 100, nil},
		{registry.FieldCompany, map[registry.Kind]bool{staff: true}, 120, nil},
		{registry.FieldDepartment, map[registry.Kind]bool{staff: false}, 120, nil},
		{registry.FieldGroup, map[registry.Kind]bool{staff: false}, 120, nil},
	}
}

// The length of a login name, in characters.
const (
	minLogin = 3
	maxLogin = 64
)

// checkForm brings what was typed into form and says what cannot be taken; what
// the form does not have is dropped. It looks at nothing but the form, so that it
// can answer at once and tell nothing.
func checkForm(a *registry.Application) error {
	clean, faults := map[string]string{}, map[string]registry.FormFault{}
	for _, f := range formFields() {
		required, asked := f.required[a.Kind]
		if !asked {
			continue
		}
		value := strings.TrimSpace(a.Typed[f.name])
		if utf8.ValidString(value) {
			value = norm.NFC.String(value)
		}
		fault := f.judge(value)
		if value == "" && required {
			fault = registry.FaultMissing
		}
		if fault != "" {
			faults[f.name] = fault
		}
		if value != "" {
			clean[f.name] = value
		}
	}
	if len(faults) > 0 {
		return &registry.FormError{Fields: faults}
	}
	a.Typed = clean
	return nil
}

func (f formField) judge(value string) registry.FormFault {
	switch {
	case value == "":
		return ""
	case !utf8.ValidString(value) || registry.Printable(value) != value && len(value) <= 256 || strings.ContainsFunc(value, unicode.IsControl):
		return registry.FaultText
	case utf8.RuneCountInString(value) > f.longest:
		return registry.FaultLong
	case f.check != nil:
		return f.check(value)
	}
	return ""
}

// scripts are those that look alike: a name keeps to one of them.
var scripts = []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek}

// checkLogin holds what a login name may be: letters and digits, and between
// them . _ -. There is no @ in it: a name that looks like somebody's address
// would be found in their place at sign-in.
func checkLogin(name string) registry.FormFault {
	key := registry.Key(name)
	n := utf8.RuneCountInString(key)
	if n < minLogin || n > maxLogin {
		return registry.FaultLogin
	}
	seen := map[int]bool{}
	runes := []rune(key)
	for i, r := range runes {
		inner := i > 0 && i < len(runes)-1
		between := inner && (strings.ContainsRune("._-", r) || unicode.Is(unicode.Mn, r))
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !between {
			return registry.FaultLogin
		}
		for s, table := range scripts {
			if unicode.Is(table, r) {
				seen[s] = true
			}
		}
	}
	if len(seen) > 1 {
		return registry.FaultLogin
	}
	return ""
}

// checkMail holds that an address is one, and that mail could get there.
func checkMail(address string) registry.FormFault {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Name != "" || a.Address != address {
		return registry.FaultMail
	}
	domain, err := idna.Lookup.ToASCII(domainOf(address))
	if err != nil || !strings.Contains(strings.Trim(domain, "."), ".") {
		return registry.FaultMail
	}
	return ""
}

// domainOf is what stands behind the @.
func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func checkPhone(phone string) registry.FormFault {
	digits := 0
	for _, r := range phone {
		switch {
		case unicode.IsDigit(r):
			digits++
		case !strings.ContainsRune("+-/(). x", r):
			return registry.FaultPhone
		}
	}
	if digits < 3 {
		return registry.FaultPhone
	}
	return ""
}
