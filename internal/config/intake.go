package config

import (
	"maps"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Intake says how mail is taken from people who have no account.
type Intake struct {
	// Listen is where the mail server in front delivers: lmtp://127.0.0.1:2424,
	// lmtp:///run/usher/lmtp for a socket, or smtp://…; "" for nowhere.
	Listen string `yaml:"listen" json:"-"`
	// TLS is offered by STARTTLS when it is set.
	TLS TLS `yaml:"tls" json:"-"`
	// Recipients are the addresses that mail is taken for, each with its company.
	Recipients map[string]string `yaml:"recipients"`
	// AuthservIDs are the mail servers whose Authentication-Results are believed, by
	// the name they write in them. IdlessMailboxes are recipients for whom the
	// topmost such field without a name is, too: Microsoft's.
	AuthservIDs     []string `yaml:"authserv_ids"`
	IdlessMailboxes []string `yaml:"idless_mailboxes"`
	// OwnAddresses and OwnDomains are what only the helpdesk's own programs write
	// from. The recipients, the sender of mails and the host of public_url are known.
	OwnAddresses []string `yaml:"own_addresses"`
	OwnDomains   []string `yaml:"own_domains"`
	// Forwarders are addresses that put themselves in the sender's place.
	Forwarders []string `yaml:"forwarders"`
	// MaxSize is how many bytes a message may have, MaxRecipients how many
	// recipients.
	MaxSize       int `yaml:"max_size"`
	MaxRecipients int `yaml:"max_recipients"`
	// PerSender and PerThread bound the messages that are looked at.
	PerSender Rate `yaml:"per_sender"`
	PerThread Rate `yaml:"per_thread"`
}

// Teams says whose messages in Microsoft Teams are taken.
type Teams struct {
	// AppID is the bot's; "" takes none.
	AppID string `yaml:"app_id"`
	// Tenants are the Microsoft tenants that may write, each with its company.
	Tenants map[string]string `yaml:"tenants"`
	// Metadata is where the issuer's keys are named; Microsoft's when not written.
	Metadata string `yaml:"metadata" json:"-"`
}

// Contacts says how long people without an account are kept.
type Contacts struct {
	// Idle is after how long without a sign a contact is anonymised, Warn how long
	// before it is told.
	Idle Duration `yaml:"idle"`
	Warn Duration `yaml:"warn"`
}

// Endpoint is where Listen points: the network and address to listen on, and
// whether LMTP is spoken there.
func (i *Intake) Endpoint() (network, address string, lmtp, ok bool) {
	u, err := url.Parse(i.Listen)
	if err != nil || u.Scheme != "lmtp" && u.Scheme != "smtp" || u.User != nil || u.RawQuery != "" {
		return "", "", false, false
	}
	lmtp = u.Scheme == "lmtp"
	switch {
	case u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return "unix", u.Path, lmtp, true
	case u.Port() != "" && strings.Trim(u.Path, "/") == "":
		return "tcp", u.Host, lmtp, true
	}
	return "", "", false, false
}

// strangers checks what is set for people without an account.
func (v *validator) strangers() {
	i := &v.Intake
	if _, _, _, ok := i.Endpoint(); i.Listen != "" && !ok {
		v.bad("intake.listen", "not an address to take mail at", "write lmtp://127.0.0.1:2424, lmtp:///run/usher/lmtp, or smtp:// for SMTP")
	}
	if i.Listen != "" && len(i.Recipients) == 0 {
		v.bad("intake.recipients", "missing", "name the addresses that mail comes for, each with its company, as in help@acme.example: acme")
	}
	if (i.TLS.CertFile == "") != (i.TLS.KeyFile == "") {
		v.bad("intake.tls", "cert_file and key_file go together", "set both or none")
	}
	for _, address := range slices.Sorted(maps.Keys(i.Recipients)) {
		path := "intake.recipients." + address
		v.mailbox(path, address)
		v.companyOf(path, i.Recipients[address])
	}
	for path, list := range map[string][]string{"idless_mailboxes": i.IdlessMailboxes, "own_addresses": i.OwnAddresses, "forwarders": i.Forwarders} {
		for n, address := range list {
			v.mailbox("intake."+path+"["+strconv.Itoa(n)+"]", address)
		}
	}
	if i.MaxSize < 0 || i.MaxRecipients < 0 {
		v.bad("intake", "a limit below zero", "write a number of bytes for max_size and of recipients for max_recipients")
	}
	v.teams()
	if v.Contacts.Idle != 0 && v.Contacts.Warn >= v.Contacts.Idle {
		v.bad("contacts.warn", "not before contacts are anonymised", "write less than contacts.idle")
	}
}

func (v *validator) teams() {
	if (v.Teams.AppID == "") != (len(v.Teams.Tenants) == 0) {
		v.bad("teams", "app_id and tenants go together", "name the bot, and the tenants whose people may write to it")
	}
	for _, tenant := range slices.Sorted(maps.Keys(v.Teams.Tenants)) {
		path := "teams.tenants." + tenant
		if len(tenant) != 36 || strings.Count(tenant, "-") != 4 {
			v.bad(path, "not the id of a tenant", "write it as 01234567-89ab-cdef-0123-456789abcdef")
		}
		v.companyOf(path, v.Teams.Tenants[tenant])
	}
}

func (v *validator) mailbox(path, address string) {
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		v.bad(path, "not a mail address", "write it as help@acme.example")
	}
}
