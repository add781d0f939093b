package registry

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// wish is what one operation of a random batch asks for.
type wish struct {
	user UserID // 0 for someone new
	name string
	end  bool // the user is deleted
}

// settle runs settleNames over people who hold names and wishes for others, and
// tells which wishes are granted.
func settle(holds map[UserID]string, wishes []wish) (*unit, []bool) {
	const origin = 1
	b := &Batch{Company: 1, Origin: Origin{ID: origin, Company: 1}}
	for range wishes {
		b.Ops = append(b.Ops, nil)
	}
	u := newUnit(&Registry{Now: timeNow}, b)
	for id, name := range holds {
		u.users[id] = &User{ID: id, Owner: origin, Attributes: Attributes{AttrUserName: {name}}}
		u.names[name] = NameHolder{Key: name, User: id, Owner: origin}
	}
	for i, w := range wishes {
		anchor := fmt.Sprint(i)
		if w.user != 0 {
			u.links[anchor] = &Link{Anchor: anchor, User: w.user}
			u.subject[i].user = u.users[w.user]
		}
		b.Ops[i] = PutUser{Anchor: anchor, Attributes: Attributes{AttrUserName: {w.name}}}
		if w.end {
			b.Ops[i] = DeleteUser{Anchor: anchor}
		}
	}
	u.settleNames()
	granted := make([]bool, len(wishes))
	for i := range wishes {
		granted[i] = u.results[i].Refused == nil
	}
	return u, granted
}

// after is who holds what once the granted wishes have come true, or false when
// a name would have two holders.
func after(holds map[UserID]string, wishes []wish, granted []bool) (map[string]bool, bool) {
	final := map[UserID]string{}
	for id, name := range holds {
		final[id] = name
	}
	fresh := UserID(1000)
	for i, w := range wishes {
		switch {
		case !granted[i]:
		case w.end:
			delete(final, w.user)
		case w.user != 0:
			final[w.user] = w.name
		default:
			fresh++
			final[fresh] = w.name
		}
	}
	taken := map[string]bool{}
	for _, name := range final {
		if taken[name] {
			return nil, false
		}
		taken[name] = true
	}
	return taken, true
}

// checkSettled holds the outcome to what a naive reader would ask of it: no name
// has two holders, and nobody was refused a name that is free in the end.
func checkSettled(t *testing.T, holds map[UserID]string, wishes []wish) {
	t.Helper()
	u, granted := settle(holds, wishes)
	taken, ok := after(holds, wishes, granted)
	if !ok {
		t.Fatalf("two people with one name: %v wish %v, granted %v", holds, wishes, granted)
	}
	for i, w := range wishes {
		if !granted[i] && !taken[w.name] {
			t.Fatalf("%v refused although nobody has it: %v wish %v, granted %v", w, holds, wishes, granted)
		}
		if !granted[i] && holds[w.user] == w.name {
			t.Fatalf("%v refused one's own name: %v wish %v, granted %v", w, holds, wishes, granted)
		}
		for j := range i {
			if !granted[j] && granted[i] && wishes[j].name == w.name && !w.end && holds[w.user] != w.name {
				t.Fatalf("the later %v wins over %v: %v wish %v", w, wishes[j], holds, wishes)
			}
		}
	}
	parked := map[UserID]bool{}
	for _, p := range u.w.ParkNames {
		parked[p.ID] = true
	}
	for i, w := range wishes {
		if h, held := u.names[w.name]; granted[i] && !w.end && held && h.User != w.user && !parked[h.User] {
			t.Fatalf("%d stands in the way of %v and is not parked", h.User, w)
		}
	}
	for id := range parked {
		if leaves := func() bool {
			for i, w := range wishes {
				if w.user == id && granted[i] && (w.end || w.name != holds[id]) {
					return true
				}
			}
			return false
		}(); !leaves {
			t.Fatalf("%d is parked and goes nowhere", id)
		}
	}
}

// batchOf turns bytes into people and wishes: few names, so that they meet.
func batchOf(data []byte) (map[UserID]string, []wish) {
	next := func() int {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return int(b)
	}
	name := func(n int) string { return string(rune('a' + n%9)) }
	holds, used := map[UserID]string{}, map[string]bool{}
	for id := range UserID(next()%7 + 1) {
		if n := name(next()); !used[n] {
			holds[id+1], used[n] = n, true
		}
	}
	var wishes []wish
	asked := map[UserID]bool{}
	for len(data) > 0 && len(wishes) < 12 {
		w := wish{user: UserID(next() % 8), name: name(next())}
		if asked[w.user] || holds[w.user] == "" {
			w.user = 0
		}
		if w.user != 0 {
			asked[w.user] = true
			w.end = next()%8 == 0
		}
		wishes = append(wishes, w)
	}
	return holds, wishes
}

func TestSettleNamesAtRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50_000 {
		data := make([]byte, 4+rnd.IntN(40))
		for i := range data {
			data[i] = byte(rnd.UintN(256))
		}
		holds, wishes := batchOf(data)
		checkSettled(t, holds, wishes)
	}
}

func FuzzSettleNames(f *testing.F) {
	f.Add([]byte{2, 0, 1, 1, 1, 1, 2, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		holds, wishes := batchOf(data)
		checkSettled(t, holds, wishes)
	})
}

// TestSettleNamesByHand are the cases a reader should know.
func TestSettleNamesByHand(t *testing.T) {
	holds := map[UserID]string{1: "a", 2: "b", 3: "c"}
	for _, c := range []struct {
		name    string
		wishes  []wish
		granted []bool
	}{
		{"swap", []wish{{1, "b", false}, {2, "a", false}}, []bool{true, true}},
		{"cycle", []wish{{1, "b", false}, {2, "c", false}, {3, "a", false}}, []bool{true, true, true}},
		{"chain into the free", []wish{{1, "b", false}, {2, "c", false}, {3, "d", false}}, []bool{true, true, true}},
		{"chain into someone who stays", []wish{{1, "b", false}, {2, "c", false}}, []bool{false, false}},
		{"the earlier of two", []wish{{0, "x", false}, {1, "x", false}}, []bool{true, false}},
		{"the holder before the earlier", []wish{{0, "a", false}, {1, "a", false}}, []bool{false, true}},
		{"a cycle that an outsider breaks", []wish{{0, "z", false}, {1, "z", false}, {2, "a", false}}, []bool{true, false, false}},
		{"after a deletion", []wish{{0, "a", false}, {1, "", true}}, []bool{true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := settle(holds, c.wishes); fmt.Sprint(got) != fmt.Sprint(c.granted) {
				t.Errorf("granted %v, want %v", got, c.granted)
			}
		})
	}
}
