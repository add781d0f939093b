package registry

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func timeNow() time.Time { return time.Unix(0, 0) }

func TestKey(t *testing.T) {
	for _, same := range [][]string{
		{"ann", "ANN", "Ann"}, {"fiona", "ﬁona", "ＦＩＯＮＡ"}, {"strasse", "straße", "STRASSE", "STRAẞE"},
		{"é", "e\u0301", "É"}, {"σ", "ς", "Σ"}, {"k", "\u212a"}, {"å", "\u212b"},
	} {
		for _, s := range same[1:] {
			if Key(s) != Key(same[0]) {
				t.Errorf("%q and %q are told apart", s, same[0])
			}
		}
	}
	// The dotless ı and the dotted İ are letters of their own, in every
	// language: folding them by the reader's language would make names equal on
	// one machine and not on another.
	for _, pair := range [][2]string{{"ı", "i"}, {"İ", "i"}, {"ss", "s"}, {"а", "a"}} {
		if Key(pair[0]) == Key(pair[1]) {
			t.Errorf("%q and %q are one", pair[0], pair[1])
		}
	}
}

func FuzzScreen(f *testing.F) {
	f.Add("ann", "a\x00")
	f.Add("ﷺ", "\xff")
	f.Fuzz(func(t *testing.T, name, value string) {
		op := PutUser{Anchor: "1", Name: value, Attributes: Attributes{AttrUserName: {name}, AttrTitle: {value}, AttrEmails: {value}}}
		if shown := Printable(value); !utf8.ValidString(shown) || strings.ContainsAny(shown, "\x00\n\r") || len(shown) > 3*maxPrintable+3 {
			t.Errorf("Printable(%q) = %q", value, shown)
		}
		if badValues(op) != nil {
			return
		}
		for _, s := range []string{name, value, Key(name), Key(value)} {
			if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
				t.Errorf("%q passed", s)
			}
		}
		if len(Key(name)) > maxKey || blank(name) || len(seen(name)) < len(name) && !strings.ContainsAny(name, "\u200c\u200d") {
			t.Errorf("the name %q passed", name)
		}
	})
}

func TestFold(t *testing.T) {
	c := &Change{Action: ActionBlock, Version: 2, Payload: Payload{Before: Attributes{"title": {"a"}}, After: Attributes{"title": {"b"}}}}
	c.fold(ActionRename, "why", 2, Payload{Before: Attributes{"title": {"b"}, "userName": {"x"}}, After: Attributes{"title": {"a"}, "userName": {"y"}}})
	if c.Action != ActionRename || c.Reason != "why" || c.Payload.Before.First("userName") != "x" || c.Payload.After.First("userName") != "y" {
		t.Errorf("folded: %+v", c)
	}
	if len(c.Payload.Before) != 1 || len(c.Payload.After) != 1 {
		t.Errorf("what came back to where it was is still there: %+v", c.Payload)
	}
}

func TestEveryActionHasAStrength(t *testing.T) {
	seen := map[Action]bool{}
	for _, a := range strength {
		if seen[a] {
			t.Errorf("%s twice", a)
		}
		seen[a] = true
	}
	if len(seen) != 17 {
		t.Errorf("%d actions have a strength", len(seen))
	}
}
