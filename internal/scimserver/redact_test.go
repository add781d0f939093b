package scimserver_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// logged are the rows of the connection's request log, the oldest first.
func (c *client) logged() []registry.ScimRequest {
	c.w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c.w.server.Run(ctx) // writes what waits and ends
	rows, err := c.tenant.ScimRequests(context.Background(), c.origin.ID, false, 1000)
	if err != nil {
		c.w.t.Fatal(err)
	}
	slices.Reverse(rows)
	return rows
}

// TestLogKeepsNoHiddenSecrets sends secrets where they stand as a part of
// something else: in paths, filters, parameters and JSON in strings.
func TestLogKeepsNoHiddenSecrets(t *testing.T) {
	w := newWorld(t, migrated.SQLite(t))
	c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000})
	const secret = "hunter2hunter2"
	live := "ush_" + strings.Repeat("abcde", 8)
	filter := `password eq "` + secret + `"`
	search := func(filter string) string {
		return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"count":"x","filter":%q}`, filter)
	}
	for name, send := range map[string][3]string{
		"JSON in the data of a Bulk":     {"POST", "/Bulk", bulk(`{"method":"POST","path":"/Users","bulkId":"a","data":"{\"password\":\"` + secret + `\"}"},null`)},
		"JSON with escapes":              {"POST", "/Bulk", bulk(`{"method":"POST","path":"/Users","data":" {\"p\\u0061ssword\":\"` + secret + `\"}"},null`)},
		"a path with a filter":           {"PATCH", "/Users/x", ops(`{"op":"add","path":"password[type eq \"x\"]","value":"` + secret + `"}`)},
		"a JSON pointer":                 {"PATCH", "/Users/x", ops(`{"op":"add","path":"/password","value":"` + secret + `"}`)},
		"a path in a list":               {"PATCH", "/Users/x", ops(`{"op":"add","path":["password"],"value":"` + secret + `"}`)},
		"a list in a path":               {"PATCH", "/Users/x", ops(`{"op":"add","path":"[\"password\"]","value":"` + secret + `"}`)},
		"no path, and JSON for a value":  {"PATCH", "/Users/x", ops(`{"op":"add","value":"{\"password\":\"` + secret + `\"}"}`)},
		"no path, and a named value":     {"PATCH", "/Users/x", ops(`{"op":"add","value":{"name":"password","value":"` + secret + `"}}`)},
		"a path for a name":              {"PATCH", "/Users/x", ops(`{"op":"add","value":{"/Password":"` + secret + `"}}`)},
		"a value in a name":              {"PATCH", "/Users/x", ops(`{"op":"add","value":{"password eq \"` + secret + `\"":1}}`)},
		"a body that is a string":        {"POST", "/Users", `"{\"password\":\"` + secret + `\"}"`},
		"a value in a path":              {"PATCH", "/Users/x", ops(`{"op":"add","path":"emails[password eq \"` + secret + `\"]","value":"x"}`)},
		"a filter":                       {"GET", "/Users?filter=" + url.QueryEscape(filter), ""},
		"a filter in escapes":            {"GET", "/Users?filter=p%61ssword%20eq%20%22" + secret + "%22", ""},
		"a filter of a search":           {"POST", "/Users/.search", search(filter)},
		"a parameter":                    {"GET", "/Users?password=" + secret + "&count=x", ""},
		"a parameter in escapes":         {"GET", "/Users?client%5Fsecret=" + secret, ""},
		"a parameter that is a bad one":  {"GET", "/Users?filter=pass%word+eq+" + secret, ""},
		"a token for a parameter":        {"GET", "/Users?access_token=" + live, ""},
		"a token in a parameter":         {"GET", "/Users?q=" + live, ""},
		"a token in an escaped one":      {"GET", "/Users?q=%75sh_" + live[4:], ""},
		"a token in the address":         {"GET", "/Users/" + live, ""},
		"a client's secret in a body":    {"POST", "/Users", `{"nickName":"my ushs_` + live[4:] + `"}`},
		"a token that an answer repeats": {"GET", "/Users?filter=" + url.QueryEscape(`userName xx "`+live+`"`), ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(c.logged())
			c.do(send[0], send[1], send[2])
			rows := c.logged()
			if len(rows) != before+1 {
				t.Fatalf("%d rows more", len(rows)-before)
			}
			if row := fmt.Sprint(rows[before]); strings.Contains(row, secret) || strings.Contains(row, live[10:]) {
				t.Errorf("the log shows a secret: %s", row)
			}
		})
	}
}

// TestLogKeepsTheRest: what is no secret is there to be read.
func TestLogKeepsTheRest(t *testing.T) {
	w := newWorld(t, migrated.SQLite(t))
	c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000})
	live := "ush_" + strings.Repeat("abcde", 8)
	for _, path := range []string{"/Users?attributes=password,userName&count=0", "/Users?filter=" + url.QueryEscape(`userName eq "CORP\\ulrich"`), "/Users?access_token=" + live} {
		c.do("GET", path, "")
	}
	c.do("PATCH", "/Users/x", ops(`{"op":"add","path":"nickName[","value":"Ann"},{"op":"replace","path":"password","value":"S"}`))
	rows := c.logged()
	for i, want := range []string{"attributes=password,userName&count=0", "CORP%5C%5Culrich", "access_token=•••", `"path":"password","value":"•••"`} {
		if row := fmt.Sprint(rows[i]); !strings.Contains(row, want) {
			t.Errorf("%s is missing in %s", want, row)
		}
	}
	if !strings.Contains(rows[3].Body, `"Ann"`) || !strings.Contains(rows[3].Detail, `"nickName["`) {
		t.Errorf("the log hides what is no secret: %+v", rows[3])
	}
}
