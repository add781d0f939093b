package entra_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"runtime"
	"testing"

	"github.com/microsoft/kiota-abstractions-go/authentication"
	kiotajson "github.com/microsoft/kiota-serialization-json-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

// large is the directory of the design's figures.
var large = graphfake.Population{People: 100_000, Groups: 1000, Members: 200, Nested: 100, Guests: 5, Disabled: 5, Synced: 80}

// BenchmarkRead reads the large tenant whole, once by the source and once by the
// SDK alone, which decodes the same pages and drops them: the figure to reach is
// 1.3 times that. Each operation is one read.
func BenchmarkRead(b *testing.B) {
	w := newWorld(b, large, graphfake.Options{Anonymous: true})
	b.Run("source", func(b *testing.B) {
		s := w.source()
		for b.Loop() {
			n := 0
			sum, err := s.Read(b.Context(), source.Request{}, func(source.Entry) error { n++; return nil })
			if err != nil || n != large.People+large.Groups {
				b.Fatal(n, sum, err)
			}
		}
		b.ReportMetric(float64(large.People)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
	})
	b.Run("source keeping pages", func(b *testing.B) {
		s := w.source()
		for b.Loop() {
			if _, err := s.Read(b.Context(), source.Request{Checkpoint: &counted{}}, func(source.Entry) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(large.People)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
	})
	b.Run("sdk", func(b *testing.B) {
		userSelect, groupSelect := selects(b, w)
		for b.Loop() {
			dump(b, w, userSelect, groupSelect)
		}
		b.ReportMetric(float64(large.People)*float64(b.N)/b.Elapsed().Seconds(), "people/s")
	})
}

// counted is a source.Checkpoint that keeps nothing, for what making pages costs the
// reading: packing, sealing and writing them go on beside it.
type counted struct{ bytes int64 }

func (*counted) Load(context.Context, string, func([]byte) error) error { return nil }
func (c *counted) Save(page []byte)                                     { c.bytes += int64(len(page)) }
func (*counted) Drop(context.Context) error                             { return nil }

// BenchmarkMemory tells how much a read of a million people holds at its
// highest.
func BenchmarkMemory(b *testing.B) {
	w := newWorld(b, graphfake.Population{People: 1_000_000, Groups: 1000, Members: 200}, graphfake.Options{Anonymous: true, DeltaPage: 999})
	s := w.source()
	for b.Loop() {
		var top uint64
		n := 0
		_, err := s.Read(b.Context(), source.Request{}, func(source.Entry) error {
			if n++; n%50_000 == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(top)/1e6, "MB-live")
	}
}

// selects are the selections that the source asks for, taken from its requests.
func selects(b *testing.B, w *world) (user, group []string) {
	w.Forget()
	if _, err := w.source().Sample(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	info, err := w.source().Probe(b.Context())
	if err != nil {
		b.Fatal(info, err)
	}
	for _, r := range w.Requests() {
		switch r.Path {
		case "/v1.0/users/delta()":
			user = selected(r.Query)
		case "/v1.0/groups/delta()":
			group = selected(r.Query)
		}
	}
	if len(user) == 0 || len(group) == 0 {
		b.Fatal("no selection was seen")
	}
	return user, group
}

// dump reads everything with the SDK and keeps nothing.
func dump(b *testing.B, w *world, userSelect, groupSelect []string) {
	pem, err := os.ReadFile(w.CAFile)
	if err != nil {
		b.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	adapter, err := graphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		&authentication.AnonymousAuthenticationProvider{}, graphcore.GraphClientOptions{}, kiotajson.NewJsonParseNodeFactory(), nil, client)
	if err != nil {
		b.Fatal(err)
	}
	adapter.SetBaseUrl(w.URL + "/v1.0")
	ctx := context.Background()
	people := 0
	ub, uc := users.NewUsersRequestBuilderInternal(map[string]string{}, adapter).Delta(),
		&users.DeltaRequestBuilderGetRequestConfiguration{QueryParameters: &users.DeltaRequestBuilderGetQueryParameters{Select: userSelect}}
	for more := true; more; {
		res, err := ub.GetAsDeltaGetResponse(ctx, uc)
		if err != nil {
			b.Fatal(err)
		}
		people += len(res.GetValue())
		if more = res.GetOdataNextLink() != nil; more {
			ub, uc = ub.WithUrl(*res.GetOdataNextLink()), nil
		}
	}
	gb, gc := groups.NewGroupsRequestBuilderInternal(map[string]string{}, adapter).Delta(),
		&groups.DeltaRequestBuilderGetRequestConfiguration{QueryParameters: &groups.DeltaRequestBuilderGetQueryParameters{Select: groupSelect}}
	for more := true; more; {
		res, err := gb.GetAsDeltaGetResponse(ctx, gc)
		if err != nil {
			b.Fatal(err)
		}
		if more = res.GetOdataNextLink() != nil; more {
			gb, gc = gb.WithUrl(*res.GetOdataNextLink()), nil
		}
	}
	if people != large.People {
		b.Fatal(people)
	}
}
