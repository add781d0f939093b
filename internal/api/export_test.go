package api_test

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/usherd/usher/internal/api"
)

// crowd lists n people, each with some weight, a page at a time.
func crowd(n int) func(api.ListPeopleInput) (api.Page[api.Person], error) {
	return func(in api.ListPeopleInput) (p api.Page[api.Person], err error) {
		at, err := api.Key(in.After)
		if err != nil {
			return p, err
		}
		for ; at < int64(n) && len(p.Items) < in.Limit; at++ {
			name := fmt.Sprintf("person-%06d", at)
			p.Items = append(p.Items, api.Person{
				ID: name, UserName: name, State: "active", Kind: "end_user", Association: "strong", DisplayName: `=HYPERLINK("evil")`,
				Attributes: map[string][]string{"title": {strings.Repeat("x", 1000)}},
			})
		}
		if at < int64(n) {
			p.Next = strconv.FormatInt(at, 10)
		}
		return p, nil
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	w.desk.people = crowd(120)
	w.start()
	seen, path := 0, "/people?state=active"
	for pages := 0; path != ""; pages++ {
		res, body := w.do(http.MethodGet, path, "", nil)
		if res.StatusCode != 200 || pages > 3 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		seen += strings.Count(string(body), `"user_name":`)
		path = ""
		if link := res.Header.Get("Link"); link != "" {
			path = strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<"+api.Base)
		}
	}
	if seen != 120 {
		t.Errorf("%d people", seen)
	}
}

// A cursor is good for its list, its filters and its company only.
func TestCursorIsBound(t *testing.T) {
	w := newWorld(t)
	w.desk.people = crowd(120)
	w.start()
	res, _ := w.do(http.MethodGet, "/people?state=active", "", nil)
	link, err := url.Parse(strings.TrimPrefix(strings.Split(res.Header.Get("Link"), ">")[0], "<"))
	if err != nil {
		t.Fatal(err)
	}
	cursor := link.Query().Get("cursor")
	for path, want := range map[string]int{
		"/people?state=active&cursor=": 200, "/people?state=active&limit=7&cursor=": 200, "/people?state=new&cursor=": 400, "/people?cursor=": 400, "/groups?cursor=": 400,
	} {
		if res, body := w.do(http.MethodGet, path+url.QueryEscape(cursor), "", nil); res.StatusCode != want {
			t.Errorf("%s: %d %.200s, want %d", path, res.StatusCode, body, want)
		}
	}
}

// One hundred thousand rows go out with a page's worth of memory.
func TestExportIsStreamed(t *testing.T) {
	const people = 100_000
	w := newWorld(t)
	w.desk.people = crowd(people)
	w.start()
	server := httptest.NewServer(w.server)
	defer server.Close()
	for format, count := range map[string]func(io.Reader) int{
		"application/x-ndjson": func(r io.Reader) int {
			n := 0
			for s := bufio.NewScanner(r); s.Scan(); {
				n++
			}
			return n
		},
		"text/csv": func(r io.Reader) int {
			c, n := csv.NewReader(r), 0
			c.ReuseRecord = true
			for {
				row, err := c.Read()
				if errors.Is(err, io.EOF) {
					return n - 1 // the header
				}
				if err != nil {
					t.Fatal(err)
				}
				if n > 0 && (row[2] != `'=HYPERLINK("evil")` || len(row) < 10) {
					t.Fatalf("row %d: %q", n, row)
				}
				n++
			}
		},
	} {
		var before, peak runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+api.Base+"/people", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer reader")
		req.Header.Set("Accept", format)
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		highest := uint64(0)
		watch := reader(func(p []byte) (int, error) {
			n, err := res.Body.Read(p)
			if runtime.ReadMemStats(&peak); peak.HeapInuse > highest {
				highest = peak.HeapInuse
			}
			return n, err
		})
		if n := count(bufio.NewReaderSize(watch, 1<<20)); n != people {
			t.Errorf("%s: %d rows", format, n)
		}
		res.Body.Close()
		if d := w.records.deeds; len(d) == 0 || d[len(d)-1].Action != "export.listPeople" || d[len(d)-1].Outcome != "" {
			t.Errorf("deeds: %+v", d)
		}
		grown := int64(highest) - int64(before.HeapInuse)
		t.Logf("%s: %d MB more memory at the most for %d MB", format, grown>>20, people*1100>>20)
		if grown > 48<<20 {
			t.Errorf("%s took %d MB", format, grown>>20)
		}
	}
}

type reader func([]byte) (int, error)

func (r reader) Read(p []byte) (int, error) { return r(p) }

// What breaks off in the middle does not look whole, and what fails at once is a
// problem.
func TestExportThatFails(t *testing.T) {
	w := newWorld(t)
	var pages atomic.Int32 // the server counts in goroutines of its own
	list := crowd(5000)
	w.desk.people = func(in api.ListPeopleInput) (api.Page[api.Person], error) {
		if pages.Add(1)%3 == 0 {
			return api.Page[api.Person]{}, errors.New("the disk is gone")
		}
		return list(in)
	}
	w.start()
	server := httptest.NewServer(w.server)
	defer server.Close()
	get := func() (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+api.Base+"/people?format=csv", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer reader")
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return res, err
	}
	if res, err := get(); res.StatusCode != 200 || err == nil {
		t.Errorf("broken off: %d, %v", res.StatusCode, err)
	}
	pages.Store(2)
	if res, err := get(); res.StatusCode != 500 || err != nil {
		t.Errorf("failed at once: %d, %v", res.StatusCode, err)
	}
}
