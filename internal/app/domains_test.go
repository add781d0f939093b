package app_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// zone is a resolver that knows some records.
type zone map[string][]string

func (z zone) LookupTXT(_ context.Context, name string) ([]string, error) {
	if txt, ok := z[name]; ok {
		return txt, nil
	}
	if strings.HasSuffix(name, ".broken.example") {
		return nil, &net.DNSError{Err: "server failure", Name: name, IsTemporary: true}
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// founded is a core with a company that registered itself.
func founded(t *testing.T) (*app.Core, registry.CompanyID) {
	t.Helper()
	core, err := app.Open(t.Context(), configure(t, settings{}), app.Options{Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { must(t, core.Close()) })
	var id registry.CompanyID
	regs := core.Store.Registrations(core.Registry)
	a := registry.Application{PublicID: "a", Kind: registry.SupportStaff, State: registry.ApplicationReceived, CreatedAt: core.Now()}
	must(t, regs.Receive(t.Context(), onboard.Intake{Application: a, Challenge: auth.Spent{Hash: []byte("a")}, Now: core.Now()}))
	must(t, regs.Decide(t.Context(), "a", func(d onboard.Desk, _ *registry.Application) error {
		id, err = d.Found(t.Context(), registry.CompanyInfo{Company: registry.Company{Key: "new-1", Name: "New"}, CreatedAt: core.Now()})
		return err
	}))
	return core, id
}

func TestDomainVouches(t *testing.T) {
	t.Parallel()
	core, id := founded(t)
	ctx, z := t.Context(), zone{}
	check := func(name string) (bool, error) { return core.CheckDomain(ctx, z, id, "test", name) }
	for _, name := range []string{"New.example.", "broken.example"} {
		_, err := core.AddDomain(ctx, id, "test", name)
		must(t, err)
	}
	d, err := core.AddDomain(ctx, id, "test", "new.example")
	must(t, err)
	record, value := app.DomainRecord(d)
	if ok, err := check("new.example"); ok || err != nil {
		t.Errorf("no record: %v, %v", ok, err)
	}
	z[record] = []string{"v=spf1 -all", value + "x", "x" + value}
	if ok, err := check("new.example"); ok || err != nil {
		t.Errorf("records of others: %v, %v", ok, err)
	}
	if ok, err := check("broken.example"); ok || err == nil {
		t.Errorf("a broken zone: %v, %v", ok, err)
	}
	var mistake *app.MistakeError
	if _, err := check("other.example"); !errors.As(err, &mistake) {
		t.Errorf("a domain nobody named: %v", err)
	}
	vouched := func() bool {
		info, err := core.Store.For(id).Info(ctx)
		must(t, err)
		return info.Vouched()
	}
	if vouched() {
		t.Error("vouched for by nothing")
	}
	z[record] = append(z[record], " "+value+" ")
	if ok, err := check("NEW.example"); !ok || err != nil || !vouched() {
		t.Errorf("the record: %v, %v", ok, err)
	}
}

// TestUnvouchedIsSmall: a company that registered itself writes to few and takes no
// contract numbers, until somebody vouches for it.
func TestUnvouchedIsSmall(t *testing.T) {
	t.Parallel()
	core, id := founded(t)
	ctx := t.Context()
	create := func(name string, hold bool) error {
		_, err := core.CreateUser(ctx, id, "test", app.NewUser{UserName: name, Email: name + "@example.com", Hold: hold})
		return err
	}
	for i := range 10 {
		must(t, create(strings.Repeat("x", i+1), false))
	}
	unvouched := func(err error) bool {
		var refused *registry.Error
		return errors.As(err, &refused) && refused.Code == registry.CodeUnvouched
	}
	if err := create("eleventh", false); !unvouched(err) {
		t.Errorf("the eleventh: %v", err)
	}
	must(t, create("held", true))
	if _, err := core.ReleaseMails(ctx, id); !unvouched(err) {
		t.Errorf("released: %v", err)
	}
	if err := core.CreateContract(ctx, id, "test", "C-1", ""); !unvouched(err) {
		t.Errorf("a contract: %v", err)
	}
	_, err := core.Store.For(id).Vouch(ctx, "operator")
	must(t, err)
	must(t, create("eleventh", false))
	must(t, core.CreateContract(ctx, id, "test", "C-1", ""))
	if n, err := core.ReleaseMails(ctx, id); n != 1 || err != nil {
		t.Errorf("released %d: %v", n, err)
	}
}
