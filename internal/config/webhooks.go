package config

import (
	"errors"
	"net/netip"
	"strings"
)

// Webhooks says where webhooks may lead.
type Webhooks struct {
	// Allow are the networks that are spoken to although they are not public, and
	// without https: none but these.
	Allow []netip.Prefix `yaml:"allow"`
}

// digest looks at when a company's digest comes.
func (v *validator) digest(path string, c Company) {
	if c.Digest == "" {
		if c.DigestEmpty {
			v.bad(path+".digest_empty", "nothing without digest", `say when the digest comes: digest: "CRON_TZ=Europe/Rome 0 7 * * 1-5"`)
		}
		return
	}
	err := CheckSchedule(c.Digest)
	if err == nil && strings.Contains(c.Digest, "@every") { // counts from whenever it is asked
		err = errors.New("not a time of day")
	}
	if err != nil {
		v.bad(path+".digest", err.Error(), `write it as "CRON_TZ=Europe/Rome 0 7 * * 1-5" or @daily`)
	}
}
