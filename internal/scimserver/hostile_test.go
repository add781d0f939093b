package scimserver_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// line is the service on a real network, with the limits that usher serves with.
type line struct {
	*client
	t      *testing.T
	server *httptest.Server
	faults syncBuffer
}

// syncBuffer is a buffer that many may write to.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// online serves a connection. A panic fails the test.
func online(t *testing.T, c *client, readTimeout time.Duration) *line {
	t.Helper()
	l := &line{client: c, t: t}
	mux := http.NewServeMux()
	mux.Handle("/scim/v2/", http.StripPrefix("/scim/v2", c.w.server))
	l.server = httptest.NewUnstartedServer(mux)
	l.server.Config.ReadTimeout, l.server.Config.MaxHeaderBytes = readTimeout, 64<<10
	l.server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&l.faults, nil), slog.LevelWarn)
	l.server.Start()
	t.Cleanup(func() {
		l.server.Close()
		if strings.Contains(l.faults.String(), "panic") {
			t.Error(l.faults.String())
		}
	})
	return l
}

// send sends a request as it is written, and gives back the status and the body.
func (l *line) send(method, target, body string, headers ...string) (int, []byte) {
	l.t.Helper()
	head := fmt.Sprintf("%s /scim/v2%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n%s\r\n",
		method, target, l.secret, len(body), strings.Join(append(headers, ""), "\r\n"))
	res, sent := l.dial(io.MultiReader(strings.NewReader(head), strings.NewReader(body)))
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Fatalf("%s %.80s: %v after %d bytes", method, target, err, sent.Load())
	}
	return res.StatusCode, b
}

// dial sends bytes until there is an answer, and tells how many went out.
func (l *line) dial(what io.Reader) (*http.Response, *atomic.Int64) {
	l.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(l.t.Context(), "tcp", l.server.Listener.Addr().String())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		l.t.Fatal(err)
	}
	var sent atomic.Int64
	go func() {
		// The server may have had enough before all is out.
		_, _ = io.Copy(conn, counted{what, &sent})
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		l.t.Fatalf("no answer after %d bytes: %v", sent.Load(), err)
	}
	return res, &sent
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// internals is what no answer may show.
var internals = regexp.MustCompile(`\b(json|jsontext|strconv|reflect|runtime|http|sql|pgx|pgconn|sqlite|time|scim|filter|patch|attr|registry|store)\.[A-Z]\w+` +
	`|goroutine \d|\.go:\d|map\[string\]|%!|nil pointer|SQLSTATE|\bSELECT\b|UNIQUE constraint|/(tmp|home|root|work)/`)

// sound fails when an answer is an error of ours, no SCIM, or tells too much.
func sound(t testing.TB, what string, status int, body []byte) {
	t.Helper()
	if status >= 500 {
		t.Errorf("%.200s: %d %.300s", what, status, body)
		return
	}
	if len(body) == 0 && status < 400 {
		return
	}
	var doc struct {
		Schemas        []string
		Status, Detail string
	}
	if err := json.Unmarshal(body, &doc); err != nil || len(doc.Schemas) == 0 || !utf8.Valid(body) {
		t.Errorf("%.200s: %d and no SCIM: %.300q", what, status, body)
		return
	}
	if status >= 400 && (doc.Status != strconv.Itoa(status) || doc.Detail == "") {
		t.Errorf("%.200s: %d with an error that is none: %.300s", what, status, body)
	}
	if leak := internals.FindString(doc.Detail); leak != "" {
		t.Errorf("%.200s: the answer shows %q: %.300s", what, leak, body)
	}
}

// attack is a request with the statuses that it may be answered with; none for
// whatever is below 500.
type attack struct {
	name, method, path, body string
	want                     []int
}

func (a attack) on(l *line) {
	l.t.Helper()
	status, body := l.send(a.method, a.path, a.body)
	sound(l.t, a.name, status, body)
	if len(a.want) > 0 && !slices.Contains(a.want, status) {
		l.t.Errorf("%s: %d, want %v: %.300s", a.name, status, a.want, body)
	}
}

func user(members string) string { return `{` + userSchema + `,` + members + `}` }

func ops(list string) string { return `{` + patchSchema + `,"Operations":[` + list + `]}` }

func bulk(list string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[` + list + `]}`
}

func nested(open, middle, shut string, n int) string {
	return strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
}

// bombs are bodies and filters that are small to send and dear to read.
func bombs(id string) []attack {
	const deep = 100_000
	million := func(one string) string { return strings.Repeat(one+",", 999_999) + one }
	list := []attack{
		{"arrays", "POST", "/Users", nested("[", "", "]", deep), []int{400}},
		{"arrays never closed", "POST", "/Users", strings.Repeat("[", deep), []int{400}},
		{"objects", "POST", "/Users", nested(`{"a":`, "1", "}", deep), []int{400}},
		{"nested attribute", "POST", "/Users", user(`"userName":"x","name":` + nested(`{"name":`, "1", "}", deep)), []int{400}},
		{"nested extension", "PATCH", "/Users/" + id, ops(`{"op":"add","value":` + nested(`{"urn:ietf:params:scim:schemas:core:2.0:User":`, "1", "}", 36) + `}`), []int{400}},
		{"nested Bulk", "POST", "/Bulk", bulk(`{"method":"POST","path":"/Users","bulkId":"x","data":` + nested(`{"a":`, "1", "}", deep) + `}`), []int{400}},
		{"a million PATCH operations", "PATCH", "/Users/" + id, ops(million(`{}`)), []int{413}},
		{"a million whole PATCH operations", "PATCH", "/Users/" + id, ops(million(`{"op":"add"}`)), []int{413}},
		{"a million Bulk operations", "POST", "/Bulk", bulk(million(`{}`)), []int{413}},
		{"a million nulls", "POST", "/Users", user(`"userName":"x","emails":[` + million(`null`) + `]`), []int{413}},
		{"many Bulk operations", "POST", "/Bulk", bulk(strings.Repeat(`{"method":"DELETE","path":"/Users/x"},`, 1000) + `{}`), []int{413}},
		{"100,000 members of an object", "POST", "/Users", func() string {
			var b strings.Builder
			for i := range deep {
				fmt.Fprintf(&b, `"a%d":1,`, i)
			}
			return user(b.String() + `"userName":"many"`)
		}(), []int{201}},
		{"100,000 addresses", "POST", "/Users", func() string {
			var b strings.Builder
			for i := range deep {
				fmt.Fprintf(&b, `{"value":"a%d@example.com"},`, i)
			}
			return user(`"userName":"addresses","emails":[` + strings.TrimSuffix(b.String(), ",") + `]`)
		}(), []int{400, 413}},
		{"80,000 members to remove", "PATCH", "/Groups/unknown", ops(`{"op":"remove","path":"members","value":[` + strings.TrimSuffix(strings.Repeat(`{"value":"`+id+`"},`, deep*4/5), ",") + `]}`), []int{404}},
		{"100,000 addresses to add", "PATCH", "/Users/" + id, func() string {
			var b strings.Builder
			for i := range deep {
				fmt.Fprintf(&b, `{"value":"somebody%d@example.com"},`, i)
			}
			return ops(`{"op":"add","path":"emails","value":[` + strings.TrimSuffix(b.String(), ",") + `]}`)
		}(), []int{400}},
	}
	for name, f := range map[string]string{
		"parentheses": nested("(", "userName pr", ")", 8000), "brackets": nested("emails[", "value pr", "]", 900),
		"negations": nested("not (", "userName pr", ")", 1000), "value path": nested("emails[value pr and ", "value pr", "]", 59),
		"terms": strings.TrimSuffix(strings.Repeat("title pr or ", 600), " or "), "deep chain": nested("(title pr or ", "title pr", ")", 60),
	} {
		list = append(list,
			attack{"filter of " + name, "GET", "/Users?filter=" + url.QueryEscape(f), "", []int{200, 400}},
			attack{"path of " + name, "PATCH", "/Users/" + id, ops(`{"op":"remove","path":` + strconv.Quote("emails["+f+"].value") + `}`), []int{400}})
	}
	return list
}

// encodings are bodies whose meaning two readers could see differently.
func encodings(id string) []attack {
	list := []attack{
		{"the same name twice", "POST", "/Users", user(`"userName":"a","userName":"b"`), []int{400}},
		{"the same name twice, escaped", "POST", "/Users", user(`"userName":"a","user\u004eame":"b"`), []int{400}},
		{"the same name in two cases", "POST", "/Users", user(`"userName":"a","USERNAME":"b"`), []int{400}},
		{"schemas twice in two cases", "POST", "/Users", `{"SCHEMAS":[],` + userSchema + `,"userName":"a"}`, []int{400}},
		{"a sub-attribute in two cases", "POST", "/Users", user(`"userName":"a","name":{"givenName":"x","GivenName":"y"}`), []int{400}},
		{"op twice in two cases", "PATCH", "/Users/" + id, ops(`{"op":"add","OP":"remove","path":"title","value":"x"}`), []int{400}},
		{"path twice", "PATCH", "/Users/" + id, ops(`{"op":"add","path":"title","path":"nickName","value":"x"}`), []int{400}},
		{"Operations twice in two cases", "PATCH", "/Users/" + id, `{"Operations":[],"operations":[{"op":"remove","path":"title"}]}`, []int{400}},
		{"count twice in two cases", "POST", "/.search", `{"count":1,"COUNT":2}`, []int{400}},
		{"invalid UTF-8 in a value", "POST", "/Users", user(`"userName":"a` + "\xff" + `"`), []int{400}},
		{"invalid UTF-8 in a name", "POST", "/Users", user(`"userName":"a","` + "\xc0\x80" + `":1`), []int{400}},
		{"UTF-16", "POST", "/Users", "\xff\xfe{\x00}\x00", []int{400}},
		{"half a surrogate pair", "POST", "/Users", user(`"userName":"\ud83d"`), []int{400}},
		{"a pair the wrong way round", "POST", "/Users", user(`"userName":"\ude00\ud83d"`), []int{400}},
		{"half a pair in a name", "POST", "/Users", user(`"userName":"a","\udead":1`), []int{400}},
		{"half a pair in a PATCH", "PATCH", "/Users/" + id, ops(`{"op":"add","path":"title","value":"\udc00"}`), []int{400}},
		{"half a pair in a filter", "GET", "/Users?filter=" + url.QueryEscape(`title eq "\udc00"`), "", []int{400}},
		{"invalid UTF-8 in a filter", "GET", "/Users?filter=title+eq+%22%ff%22", "", []int{400}},
		{"raw bytes in an address", "GET", "/Users?filter=title+eq+%22\xff\xfe%22", "", []int{400}},
		{"a semicolon in a query", "GET", "/Users?count=1;startIndex=2", "", []int{200, 400}},
		{"a broken escape in a query", "GET", "/Users?filter=%zz", "", []int{200, 400}},
		{"something behind the body", "POST", "/Users", user(`"userName":"a"`) + "{}", []int{400}},
		{"two byte order marks", "POST", "/Users", "\xef\xbb\xbf\xef\xbb\xbf{}", []int{400}},
		{"an empty body", "POST", "/Users", "", []int{400}},
		{"null", "POST", "/Users", "null", []int{400}},
		{"JavaScript", "POST", "/Users", `{userName:'x',}`, []int{400}},
	}
	for _, n := range []string{"9007199254740993", "1e400", "-1e400", "-0", "1e-400", "0.1", "99999999999999999999999999", "1" + strings.Repeat("0", 10_000)} {
		list = append(list,
			attack{"userName " + n, "POST", "/Users", user(`"userName":` + n), []int{400}},
			attack{"active " + n, "PATCH", "/Users/" + id, ops(`{"op":"replace","path":"active","value":` + n + `}`), []int{400}},
			attack{"an unknown attribute of " + n, "PUT", "/Users/" + id, user(`"userName":"ann","shoeSize":` + n), []int{200}},
			attack{"count " + n, "POST", "/Users/.search", `{"count":` + n + `,"startIndex":` + n + `}`, []int{200, 400}},
			attack{"failOnErrors " + n, "POST", "/Bulk", `{"failOnErrors":` + n + `,"Operations":[]}`, []int{200, 400}},
			attack{"filter by " + n, "GET", "/Users?filter=" + url.QueryEscape("userName eq "+n), "", []int{400}},
			attack{"page at " + n, "GET", "/Users?startIndex=" + n + "&count=" + n, "", []int{200, 400}},
			attack{"cursor page of " + n, "GET", "/Groups?cursor&count=" + n, "", []int{400}},
		)
	}
	for _, when := range []string{"0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999999-23:59", "2020-02-30T00:00:00Z"} {
		list = append(list, attack{"a time of " + when, "GET", "/Users?filter=" + url.QueryEscape(`meta.created gt "`+when+`"`), "", []int{200, 400}})
	}
	return list
}

// nulls has null wherever something else belongs.
func nulls(id, group string) []attack {
	list := []attack{
		{"all of a user", "PUT", "/Users/" + id, user(`"userName":"ann","name":null,"emails":null,"active":null,"groups":null,"meta":null,"id":null,"externalId":null,"x":null,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":null`), []int{200}},
		{"the userName", "PUT", "/Users/" + id, user(`"userName":null`), []int{400}},
		{"schemas", "PUT", "/Users/" + id, `{"schemas":null,"userName":"ann"}`, []int{200}},
		{"in schemas", "PUT", "/Users/" + id, `{"schemas":[null],"userName":"ann"}`, []int{400}},
		{"in lists", "PUT", "/Users/" + id, user(`"userName":"ann","emails":[null,{"value":null},{}],"name":{"givenName":null}`), []int{200}},
		{"Operations", "PATCH", "/Users/" + id, `{"Operations":null}`, []int{400}},
		{"an operation", "PATCH", "/Users/" + id, ops(`null`), []int{400}},
		{"all of an operation", "PATCH", "/Users/" + id, ops(`{"op":null,"path":null,"value":null}`), []int{400}},
		{"a value without path", "PATCH", "/Users/" + id, ops(`{"op":"add","path":null,"value":null}`), []int{400}},
		{"a value", "PATCH", "/Users/" + id, ops(`{"op":"replace","path":"userName","value":null}`), []int{400}},
		{"members", "PATCH", "/Groups/" + group, ops(`{"op":"add","path":"members","value":[null]}`), []int{204}},
		{"a member's value", "PATCH", "/Groups/" + group, ops(`{"op":"add","path":"members","value":[{"value":null,"$ref":null,"type":null}]}`), []int{204, 400}},
		{"Bulk operations", "POST", "/Bulk", `{"Operations":null,"failOnErrors":null}`, []int{400}},
		{"a Bulk operation", "POST", "/Bulk", bulk(`null`), []int{400}},
		{"all of a Bulk operation", "POST", "/Bulk", bulk(`{"method":null,"path":null,"bulkId":null,"data":null,"version":null}`), []int{200}},
		{"a search", "POST", "/.search", `{"schemas":null,"filter":null,"attributes":null,"count":null,"startIndex":null,"cursor":null,"sortBy":null,"sortOrder":null}`, []int{200}},
		{"in a search", "POST", "/.search", `{"attributes":[null]}`, []int{400}},
	}
	for i := range list {
		list[i].name = "null for " + list[i].name
	}
	return list
}

// names are ids and userNames that some part on the way could trip over.
func names(id string) []attack {
	var list []attack
	for _, seg := range []string{
		"a%2Fb", "%2F", "%00", "a%00b", "%25", "%2500", "%252e%252e", "%2e%2e%2f%2e%2e", "%ff", "%c0%80", "%ed%a0%80", "%0d%0aX:1", "%e2%80%ae", ";", "a;b=c", "*", "'%22--",
		id + "%20", id + "%2F", strings.ToUpper(id), id + "/" + id, strings.Repeat("%41", 10_000),
	} {
		for _, m := range []string{"GET", "DELETE", "PUT", "PATCH"} {
			body := map[string]string{"PUT": user(`"userName":"x"`), "PATCH": ops(`{"op":"remove","path":"title"}`)}[m]
			list = append(list, attack{m + " of the id " + seg, m, "/Users/" + seg, body, []int{404}})
		}
		list = append(list, attack{"Bulk of the id " + seg, "POST", "/Bulk", bulk(`{"method":"DELETE","path":"/Users/` + seg + `"}`), []int{200}})
	}
	for _, n := range []struct {
		name   string
		status int
	}{
		{`a\u0000b`, 400}, {`a\u0001b`, 400}, {`a\u001b[2Jb`, 400}, {`a\nb`, 400}, {`a\u007fb`, 400}, {`a\u202eb`, 400}, {`\u202e`, 400}, {`\u200b`, 400}, {`\u2060\u2060`, 400}, {`a\u200bnn`, 400}, {`ann\u2028`, 400}, {`  `, 400}, {`ann `, 400}, {` ann`, 400}, {`ann\u2003`, 400}, {`\u3000ann`, 400}, {`\u00a0`, 400},
		{`../../etc/passwd`, 201}, {`<script>alert(1)</script>`, 201}, {`'; DROP TABLE users; --`, 201}, {`%00`, 201}, {`%s%n`, 201}, {`${jndi:x}`, 201},
		{`عبد الله`, 201}, {`Ω≈ç√∫`, 201}, {`ｕｓｅｒ`, 201}, {`👩‍👩‍👧‍👦`, 201}, {strings.Repeat(`\ud83d\ude00`, 20_000), 400}, {`Z` + strings.Repeat(`\u0301`, 5000), 400}, {strings.Repeat("ﷺ", 250), 0},
	} {
		a := attack{"the userName " + n.name, "POST", "/Users", user(`"userName":"` + n.name + `"`), []int{n.status}}
		if n.status == 0 {
			a.want = []int{201, 400}
		}
		list = append(list, a, attack{"the filter for " + n.name, "GET", "/Users?filter=" + url.QueryEscape(`userName eq "`+n.name[:min(len(n.name), 100)/2*2]+`"`), "", nil})
	}
	return list
}

// TestHostileRequests sends what no client means well, over a real network.
func TestHostileRequests(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		l := online(t, w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, Rate: 10_000}), time.Minute)
		id := l.user("ann", "a")
		group := l.want(201, "POST", "/Groups", `{`+groupSchema+`,"displayName":"G"}`)["id"].(string)
		for _, list := range [][]attack{bombs(id), encodings(id), nulls(id, group), names(id)} {
			for _, a := range list {
				a.on(l)
			}
		}
		l.want(200, "GET", "/Users/"+id, "")
		l.journalled()
	})
}

// journalled fails unless the request log took all of it.
func (l *line) journalled() {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	cancel()
	l.w.server.Run(ctx) // writes what waits and ends
	rows, err := l.tenant.ScimRequests(l.t.Context(), l.origin.ID, true, 100_000)
	if err != nil || len(rows) < 100 {
		l.t.Errorf("the log holds %d refused requests: %v", len(rows), err)
	}
	for _, r := range rows {
		if len(r.Body) > 9<<10 || len(r.Path) > 4<<10 || len(r.Detail) > 9<<10 {
			l.t.Errorf("a row of %d, %d and %d bytes", len(r.Path), len(r.Detail), len(r.Body))
		}
	}
}

// TestLogKeepsNoSecrets sends passwords in every way in which a refused request
// could bring one into the log.
func TestLogKeepsNoSecrets(t *testing.T) {
	w := newWorld(t, migrated.SQLite(t))
	c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000})
	const secret, urn = "hunter2hunter2", "urn:ietf:params:scim:schemas:core:2.0:User"
	bodies := []string{
		`{"password":"hunter2hunter2"}`, `{"PassWord":"hunter2hunter2"}`, `{"` + urn + `:password":"hunter2hunter2"}`, `{"` + urn + `":{"password":"hunter2hunter2"}}`,
		`{"password":["hunter2hunter2"]}`, `{"password":{"value":"hunter2hunter2"}}`, `{"password":"hunter2hunter2","password":"x"}`, `{"password":"hunter2hunter2"`,
	}
	for _, op := range []string{
		`{"op":"add","path":"password","value":"hunter2hunter2"}`, `{"OP":"add","Path":"PASSWORD","Value":"hunter2hunter2"}`, `{"op":"add","path":" password ","value":"hunter2hunter2"}`,
		`{"op":"add","path":"` + urn + `:password","value":"hunter2hunter2"}`, `{"op":"add","value":{"` + urn + `:password":"hunter2hunter2"}}`, `{"op":"add","value":{"password":{"a":"hunter2hunter2"}}}`,
	} {
		bodies = append(bodies, ops(op), bulk(`{"method":"PATCH","path":"/Users/x","data":`+ops(op)+`},null`))
	}
	for _, body := range bodies {
		for _, path := range []string{"/Users/x", "/Users/" + strings.Repeat("x", 100)} {
			if code, _ := c.do("PATCH", path, body); code < 400 {
				t.Fatalf("%s: %d", body, code)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.server.Run(ctx)
	rows, err := c.tenant.ScimRequests(t.Context(), c.origin.ID, false, 1000)
	if err != nil || len(rows) != 2*len(bodies) {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	for _, r := range rows {
		if strings.Contains(fmt.Sprint(r), secret) {
			t.Errorf("the log shows a password: %+v", r)
		}
	}
}
