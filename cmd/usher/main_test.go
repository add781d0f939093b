package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/testkit/dirgen"
	"github.com/usherd/usher/internal/testkit/need"
	"github.com/usherd/usher/internal/testkit/slapd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"usher": main})
}

// patience bounds whatever a script waits for. It ends a hang; it judges no speed.
const patience = 5 * time.Minute

// TestScripts runs usher as somebody at a terminal does. Write the expected
// outputs anew with USHER_UPDATE=1.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", UpdateScripts: os.Getenv("USHER_UPDATE") != "", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: setup,
		Condition: func(cond string) (bool, error) {
			_, there := need.Look(cond)
			if !there && os.Getenv("USHER_REQUIRE_SERVERS") != "" {
				return false, fmt.Errorf("not installed: %s", cond)
			}
			return there, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "normal": normal, "slapd": startSlapd, "ldap": changeDirectory, "mailbox": mailbox,
			"silent": silent, "ready": ready, "ask": ask, "eventually": eventually, "client": newClient, "token": askToken,
		},
	})
}

// setup gives a script ports of its own and a configuration that most use.
func setup(env *testscript.Env) error {
	env.Setenv("TZ", "UTC")
	env.Setenv("USER_PASSWORD", slapd.ReaderPassword)
	for _, name := range []string{"LISTEN", "TELEMETRY", "SMTP", "LDAP"} {
		addr, err := freeAddr()
		if err != nil {
			return err
		}
		env.Setenv(name, addr)
	}
	file := filepath.Join(env.WorkDir, "usher.yaml")
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	return os.WriteFile(file, []byte(plainConfig), 0o600)
}

const plainConfig = `listen: ${LISTEN}
telemetry: ${TELEMETRY}
public_url: https://people.example.com
database: sqlite:usher.db
mail:
  smtp: smtp://${SMTP}
  from: "Acme Helpdesk <helpdesk@example.com>"
companies:
  acme: {name: Acme}
sources:
  corp:
    company: acme
    kind: ldap
    url: ldap://${LDAP}
    bind_dn: cn=reader,dc=example,dc=com
    bind_password: ${USER_PASSWORD}
    users:
      base: ou=people,dc=example,dc=com
      filter: (objectClass=inetOrgPerson)
      scope: 'title != "Contractor"'
      attributes: {userName: uid, emails: mail, givenName: givenName, familyName: sn, displayName: cn, title: title}
    groups: {base: "ou=groups,dc=example,dc=com", filter: (objectClass=groupOfNames)}
    guard:
      deactivate: {count: 1, percent: 100, floor: 5}
`

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// code runs a command that must exit with a code and tell no password:
// code 2 usher sync preview corp.
func code(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitOf(ts, args[1:]); got != want {
		ts.Fatalf("exit code %d, want %d\n%s", got, want, ts.ReadFile("stderr"))
	}
}

// exitOf runs a command and gives its exit code.
func exitOf(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(args[0], args[1:]...)
	for _, stream := range []string{"stdout", "stderr"} {
		if strings.Contains(ts.ReadFile(stream), slapd.ReaderPassword) {
			ts.Fatalf("%s tells the password", stream)
		}
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// eventually runs a command until its output matches.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for end := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		exitOf(ts, args[1:])
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("never printed %s:\n%s%s", args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// varying is what differs from one time to the next.
var varying = []struct{ from, to string }{
	{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "ID"},
	{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "TIME"},
	{`\d{4}-\d\d-\d\d \d\d:\d\d`, "TIME            "},
	{`again at \d\d:\d\d:\d\d`, "again at TIME"},
	{`Took [0-9.]+m?s`, "Took TIME"},
	{`127\.0\.0\.1:\d+`, "ADDRESS"},
	{`ush_[a-z2-7]+`, "ush_TOKEN"},
	{`"micros": ?\d+`, `"micros": TIME`},
	{`"change_id": ?\d+`, `"change_id": ID`},
	{`"plan_hash": ?"[0-9a-f]+"`, `"plan_hash":"HASH"`},
	{`"actor": ?"[^"]+"`, `"actor":"ME"`},
	{`"decided_by": ?"[^"]+"`, `"decided_by":"ME"`},
}

// normal writes standard output to a file without what varies.
func normal(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile("stdout")
	for _, v := range varying {
		text = regexp.MustCompile(v.from).ReplaceAllString(text, v.to)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// startSlapd starts a real directory, with the entries of an LDIF file.
func startSlapd(ts *testscript.TestScript, _ bool, args []string) {
	people := ""
	if len(args) > 0 {
		people = "\n" + ts.ReadFile(args[0])
	}
	dir, err := os.MkdirTemp("", "slapd") // a socket's path must be short
	ts.Check(err)
	s, err := slapd.Run(dir, slapd.Options{LDIF: func(w io.Writer) error {
		if err := dirgen.LDIF(w, dirgen.Options{}); err != nil {
			return err
		}
		_, err := io.WriteString(w, people)
		return err
	}})
	ts.Check(err)
	ts.Defer(func() { s.Kill(); _ = os.RemoveAll(dir) })
	ts.Setenv("LDAP", s.Addr)
	running.Store(ts.MkAbs("."), s)
}

// changeDirectory changes the directory: ldap person UID [attribute=value…],
// ldap delete UID…, ldap set UID attribute=value…, ldap password.
func changeDirectory(ts *testscript.TestScript, _ bool, args []string) {
	v, _ := running.Load(ts.MkAbs("."))
	s := v.(*slapd.Server)
	dn := func(uid string) string { return "uid=" + uid + "," + slapd.PeopleDN }
	attrs := map[string][]string{}
	for _, a := range args[min(2, len(args)):] {
		if name, value, ok := strings.Cut(a, "="); ok {
			attrs[name] = append(attrs[name], value)
		}
	}
	switch args[0] {
	case "person":
		ts.Check(s.AddPerson(args[1], attrs))
	case "set":
		ts.Check(s.Modify(dn(args[1]), attrs))
	case "delete":
		for _, uid := range args[1:] {
			ts.Check(s.Delete(dn(uid)))
		}
	case "stop":
		s.Stop()
	default:
		ts.Fatalf("ldap %s?", args[0])
	}
}

// mailbox starts a mail server, or looks at one: mailbox start, mailbox wait N.
func mailbox(ts *testscript.TestScript, _ bool, args []string) {
	key := "mailbox " + ts.MkAbs(".")
	switch args[0] {
	case "start":
		l, err := net.Listen("tcp", ts.Getenv("SMTP"))
		ts.Check(err)
		c := mailcatcher.Start(l, mailcatcher.Options{})
		ts.Defer(func() { _ = c.Close() })
		running.Store(key, c)
	case "wait":
		v, _ := running.Load(key)
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		ctx, cancel := withPatience()
		defer cancel()
		got, err := v.(*mailcatcher.Catcher).Wait(ctx, mailcatcher.AtLeast(n))
		ts.Check(err)
		var to []string
		for _, m := range got {
			to = append(to, m.To...)
		}
		slices.Sort(to)
		ts.Check(os.WriteFile(ts.MkAbs("recipients"), []byte(strings.Join(to, "\n")+"\n"), 0o600))
	}
}

// silent starts a directory that accepts connections and never answers.
func silent(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv("SILENT", l.Addr().String())
}

// ask sends the server of the script a request with a token that a file holds,
// which must be answered with a status: ask 200 GET /Users token.
func ask(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := withPatience()
	defer cancel()
	path := args[2]
	if !strings.HasPrefix(path, "/api/") {
		path = "/scim/v2" + path
	}
	req, err := http.NewRequestWithContext(ctx, args[1], "http://"+ts.Getenv("LISTEN")+path, nil)
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(args[3])))
	res, err := (&http.Client{}).Do(req)
	ts.Check(err)
	defer res.Body.Close()
	if got := strconv.Itoa(res.StatusCode); got != args[0] {
		ts.Fatalf("%s, want %s", got, args[0])
	}
}

// ready waits until the server of the script answers.
func ready(ts *testscript.TestScript, _ bool, _ []string) {
	ctx, cancel := withPatience()
	defer cancel()
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/readyz", ts.Getenv("TELEMETRY")), nil)
		ts.Check(err)
		res, err := (&http.Client{}).Do(req)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
	}
	ts.Fatalf("the server did not become ready")
}
