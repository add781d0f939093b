package registry

import (
	"strings"
	"testing"
)

func TestNamesAreSeen(t *testing.T) {
	for _, name := range []string{
		"ann", "Zoë", "日本", "o'neill", "a.b+c@example.com", "नमस्ते", "👩\u200d🚀", "👩🏽\u200d🚀", "می\u200cخواهم", "क्\u200dष", "\u06dd1", "ann smith",
	} {
		if err := badSight(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, char := range map[string]string{
		"\u202e": "U+202E", "\u200b": "U+200B", "\u2060": "U+2060", "ann\u200b": "U+200B", "\u202eann": "U+202E", "a\u2066nn": "U+2066",
		"ann\u2028": "U+2028", "ann\u2029": "U+2029", "ann\u200d": "U+200D", "an\u200dn": "U+200D", "an\u200cn": "U+200C", "ا\u200cب": "U+200C",
		"an\u00adn": "U+00AD", "ann\ufe0f": "U+FE0F", "ann\U000e0041": "U+E0041", "ann\u3164": "U+3164", "\ufeffann": "U+FEFF", "ann\u061c": "U+061C",
		"ann\u034f": "U+034F", "ann\u180e": "U+180E", "ann\u2800": "U+2800", "👩\u200d": "U+200D", "\u200d👩": "U+200D", "ann\uffa0": "U+FFA0",
	} {
		op := PutUser{Anchor: "1", Attributes: Attributes{AttrUserName: {name}}}
		if err := badValues(op); err == nil || err.Code != CodeInvalidValue || !strings.Contains(err.Message.String(), char) {
			t.Errorf("%q: %v", name, err)
		}
		if shown := Printable(name); shown == name {
			t.Errorf("a report shows %q as %q", name, shown)
		}
	}
	for _, name := range []string{"\u200b", "\u202e \u2060", "\u3164", "\ufeff"} {
		if err := badValues(PutGroup{Anchor: "1", DisplayName: name}); err == nil || err.Code != CodeGroupNameMissing {
			t.Errorf("a group of the name %q: %v", name, err)
		}
	}
}
