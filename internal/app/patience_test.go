package app_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
)

// crowd makes a group whose download is longer than the buffers between the
// server and a client that does not read.
func crowd(t *testing.T, s *app.Server) (path string) {
	t.Helper()
	c, err := s.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.Store.For(c.ID).Connection(t.Context(), "okta")
	if err != nil {
		t.Fatal(err)
	}
	apply := func(ops ...registry.Op) []registry.Result {
		res, err := s.Registry.Apply(t.Context(), registry.Batch{Company: c.ID, Origin: conn.Origin, Actor: "test", Ops: ops})
		if err != nil || res[0].Refused != nil {
			t.Fatal(err, res)
		}
		return res
	}
	var users []registry.UserID
	var ops []registry.Op
	for i := range crowded {
		ops = append(ops, registry.PutUser{Anchor: fmt.Sprint(i), Attributes: registry.Attributes{
			registry.AttrUserName: {fmt.Sprint("u", i)}, registry.AttrDisplayName: {strings.Repeat(`"`, 500)},
		}})
		if len(ops) == 500 {
			for _, r := range apply(ops...) {
				users = append(users, r.User)
			}
			ops = nil
		}
	}
	group := apply(registry.PutGroup{Anchor: "crowd", DisplayName: "Crowd", Users: users})[0].Group
	list, err := s.Store.For(c.ID).ScimGroupRecords(t.Context(), registry.ScimView{Origin: conn.Origin.ID}, []registry.GroupID{group})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	return "/scim/v2/Groups/" + list[0].PublicID
}

// crowded is how many members the group has, some 1,200 bytes each.
const crowded = 8_000

// ask sends a request and gives back the answer, whose body comes as slowly as
// it is read.
func ask(t *testing.T, s *app.Server, request string) (net.Conn, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, res
}

// logged waits for a request's row in the log.
func logged(t *testing.T, s *app.Server, method, path string, status int) {
	t.Helper()
	c, err := s.Company(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	until(t, fmt.Sprintf("%s %s is logged with %d", method, path, status), func() bool {
		rows, err := s.ScimRequests(t.Context(), c.ID, "okta", true, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Method == method && strings.HasSuffix(path, r.Path) && r.Status == status && r.Detail != "" {
				return true
			}
		}
		return false
	})
}

// TestPatience serves clients of every slowness with the server as it runs,
// only less patient.
func TestPatience(t *testing.T) {
	const patience = 1500 * time.Millisecond
	s, secret, _ := connected(t, app.Options{Patience: app.Patience{Read: patience, Write: patience}})
	path := crowd(t, s)
	get := func(more string) string {
		return "GET " + path + more + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer " + secret + "\r\n\r\n"
	}
	t.Run("reads slowly", func(t *testing.T) {
		_, res := ask(t, s, get("?reads"))
		began, body := time.Now(), strings.Builder{}
		tick := time.NewTicker(16 * time.Millisecond)
		defer tick.Stop()
		for {
			<-tick.C
			_, err := io.CopyN(&body, res.Body, 20<<10)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("cut off after %v and %d bytes: %v", time.Since(began), body.Len(), err)
			}
		}
		var group struct{ Members []any }
		if err := json.Unmarshal([]byte(body.String()), &group); err != nil || len(group.Members) != crowded || time.Since(began) < 2*patience {
			t.Errorf("%d members after %v: %v", len(group.Members), time.Since(began), err)
		}
	})
	t.Run("stops reading", func(t *testing.T) {
		_, res := ask(t, s, get("?stops"))
		logged(t, s, "GET", path+"?stops", 499)
		if n, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("%d bytes look like all", n)
		}
	})
	t.Run("leaves", func(t *testing.T) {
		conn, _ := ask(t, s, get("?leaves"))
		conn.Close()
		logged(t, s, "GET", path+"?leaves", 499)
	})
	t.Run("sends slowly", func(t *testing.T) {
		_, res := ask(t, s, "POST /scim/v2/Users?slow HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+secret+"\r\nContent-Length: 100\r\n\r\n{")
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("answered with %d", res.StatusCode)
		}
		logged(t, s, "POST", "/scim/v2/Users?slow", 400)
	})
}
