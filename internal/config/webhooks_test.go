package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/config"
)

// TestDigestAndWebhooks: what the file says of them, and what is wrong with it.
func TestDigestAndWebhooks(t *testing.T) {
	valid := func(company, hooks string) string {
		return "public_url: https://people.example.com\nmail: {smtp: smtp://127.0.0.1:25, from: a@example.com}\n" +
			"companies:\n  acme: {name: Acme" + company + "}\n" + hooks
	}
	for name, c := range map[string]struct{ company, hooks, fault string }{
		"nothing":                {"", "", ""},
		"both":                   {`, digest: "CRON_TZ=Europe/Rome 0 7 * * 1-5", digest_empty: true`, "webhooks: {allow: [10.0.0.0/8, 'fd00::/8']}\n", ""},
		"no schedule":            {`, digest: daily`, "", "companies.acme.digest: not a schedule"},
		"a schedule of no hour":  {`, digest: "@every 1h"`, "", "companies.acme.digest: not a time of day"},
		"empty without a digest": {`, digest_empty: true`, "", "companies.acme.digest_empty: nothing without digest"},
		"no network":             {"", "webhooks: {allow: [intranet]}\n", "webhooks.allow[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := config.Parse("usher.yaml", []byte(valid(c.company, c.hooks)), func(string) (string, bool) { return "", false }, os.ReadFile)
			if c.fault == "" && err != nil || c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)) {
				t.Fatalf("%v", err)
			}
			if name == "both" && (len(cfg.Webhooks.Allow) != 2 || !cfg.Companies["acme"].DigestEmpty) {
				t.Errorf("%+v", cfg)
			}
		})
	}
}
