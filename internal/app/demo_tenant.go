package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/usherd/usher/internal/demo/tenant"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// demoGraph is the sample tenant's preferred address, demoEntra its name as a
// source.
const (
	demoGraph = "127.0.0.1:8443"
	demoEntra = "entra"
)

// startTenant serves the sample tenant.
func (d *Demo) startTenant(dir string) (stop, error) {
	certificates := filepath.Join(dir, "tenant")
	if err := os.MkdirAll(certificates, 0o700); err != nil {
		return stop{}, err
	}
	addr, err := freeNear(demoGraph)
	if err != nil {
		return stop{}, err
	}
	if d.tenant, err = tenant.Start(demoSeed, addr, certificates, time.Now); err != nil {
		return stop{}, err
	}
	return stop{"tenant", func(context.Context) error { return d.tenant.Close() }}, nil
}

// demoEntraConfig is the sample tenant's part of the configuration.
const demoEntraConfig = `{{define "entra"}}
  {{.Name}}:
    company: {{.S.CompanyKey}}
    kind: entra
    cloud: {authority: {{printf "%q" .Tenant.URL}}, graph: {{printf "%q" .Tenant.URL}}, ca_file: {{printf "%q" .Tenant.CAFile}}}
    tenant_id: {{.Tenant.Tenant.ID}}
    client_id: {{.ClientID}}
    client_secret: {{.ClientSecret}}
    schedule: "CRON_TZ=Europe/Rome 0 3 * * *"
    setup_mail: hold-first
    user_types: [member]
{{end}}`

// tenantValues are what demoEntraConfig shows.
func (d *Demo) tenantValues() map[string]any {
	return map[string]any{"Name": demoEntra, "S": d.settings, "Tenant": d.tenant, "ClientID": tenant.ClientID, "ClientSecret": tenant.ClientSecret}
}

// runBoth runs both directories as they stand and tells how it went.
func (d *Demo) runBoth(ctx context.Context) (words []string) {
	for _, source := range []string{demoEntra, d.settings.SourceName} {
		run, err := d.RunSource(ctx, source, reconcile.Request{Mode: registry.ModeRun, Trigger: "manual", Actor: "demo"})
		switch {
		case errors.Is(err, registry.ErrLeased):
			words = append(words, "A run of "+source+" was at work already; press Run now when it is done.")
		case err != nil:
			d.Log.ErrorContext(ctx, "demo run", "source", source, "error", err)
			words = append(words, "The run of "+source+" could not be made; the log says why.")
		default:
			words = append(words, d.words(run)...)
		}
	}
	return words
}
