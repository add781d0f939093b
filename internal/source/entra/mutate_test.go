package entra

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	kiotajson "github.com/microsoft/kiota-serialization-json-go"
	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// strange are values that stand where others belong.
var strange = []any{nil, "x", 1.5, true, []any{}, map[string]any{}, []any{nil}, []any{"a", 1.0}, map[string]any{"id": nil}, float64(1 << 60)}

// mutated puts strange values into a document.
func mutated(rng *rand.Rand, v any) any {
	if rng.IntN(12) == 0 {
		return strange[rng.IntN(len(strange))]
	}
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range sorted(v) {
			out[k] = mutated(rng, v[k])
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = mutated(rng, v[i])
		}
		return out
	}
	return v
}

// TestMutatedPages: pages with strange values in them are errors or pages, and
// never the end of the process. FuzzPage looks further, but has to build the SDK
// anew for it.
func TestMutatedPages(t *testing.T) {
	users, _ := userShape([]string{"identities", "employeeOrgData", "birthday"})
	groups, _ := groupShape(nil)
	s := &Source{users: users, groups: groups}
	for seed := range uint64(5000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		var doc any
		if err := json.Unmarshal(recorded(t, []string{"users_delta.json", "groups_delta.json"}[seed%2]), &doc); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(mutated(rng, doc))
		if err != nil {
			t.Fatal(err)
		}
		s.work(data)
	}
}

// work decodes a page both ways and makes entries of it.
func (s *Source) work(data []byte) {
	node, err := kiotajson.NewJsonParseNode(data)
	if err != nil || node == nil {
		return
	}
	if p, err := pageFrom[models.Userable](node, deltaUsers); err == nil {
		for _, u := range p.items {
			s.user(u)
		}
	}
	if p, err := pageFrom[models.Groupable](node, deltaGroups); err == nil {
		_ = newGathering(&s.groups).take(p.items)
	}
}
