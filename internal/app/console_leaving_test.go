package app_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// TestConsoleLeaving merges two records of one person and separates them, hands out
// what is held, erases it, and lets the person come back: in each language, with a
// directory that goes on meanwhile.
func TestConsoleLeaving(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	ann, langs := d.official("acme", "ann", true, false, false), []string{"en", "it", "ru"}
	for _, lang := range langs {
		must(t, d.dir.AddPerson("zoe"+lang, nil))
	}
	syncNow(t, d.s.Core, registry.RunDone)
	for _, lang := range langs {
		t.Run(lang, func(t *testing.T) { d.leaves(d.sit(t, ann, browser.Look{Language: lang}), lang) })
	}
}

func (d *desk) leaves(v *visitor, lang string) {
	t, uid := v.t, "zoe"+lang
	_, err := d.s.CreateUser(t.Context(), d.company("acme").ID, "test", app.NewUser{UserName: "twin" + lang, Email: "twin" + lang + "@home.example", Hold: true})
	must(t, err)
	twin, zoe := d.look("acme", "twin"+lang), d.look("acme", uid)

	v.do(d.open("/?lang="+lang), chromedp.WaitReady(`html[lang="`+lang+`"]`), d.open("/people/"+twin.PublicID+"/merge"), chromedp.SendKeys(`main input[name=with]`, uid+"\r"), v.read("admin.merge.moves"))
	v.shot("console-merge-" + lang)
	if d.look("acme", uid).PublicID != zoe.PublicID {
		t.Fatal("a look merged them")
	}
	v.do(chromedp.SendKeys(`#reason`, "same badge\r"), v.read("admin.done.merged"))
	if got := d.look("acme", uid); got.PublicID != twin.PublicID {
		t.Fatalf("the directory's person is %s", got.PublicID)
	}
	must(t, d.dir.Modify("uid="+uid+","+slapd.PeopleDN, map[string][]string{"title": {"Chief " + lang}}))
	syncNow(t, d.s.Core, registry.RunDone)
	v.do(submit("/merge/undo"), v.read("admin.done.separated"))
	v.shot("console-unmerge-" + lang)
	if got := d.look("acme", uid); got.PublicID != zoe.PublicID || got.Attributes.First(registry.AttrTitle) != "Chief "+lang {
		t.Errorf("the directory's person, separated: %s %v", got.PublicID, got.Attributes)
	}
	if got := d.look("acme", "twin"+lang); got.PublicID != twin.PublicID || len(got.Attributes[registry.AttrTitle]) != 0 {
		t.Errorf("the other one, separated: %s %v", got.PublicID, got.Attributes)
	}

	v.do(d.open("/people/"+zoe.PublicID+"/export"), v.read("admin.whole.what"))
	whole := d.load(v, http.MethodPost, "/people/"+zoe.PublicID+"/export")
	var held struct{ Person struct{ ID string } }
	if err := json.Unmarshal([]byte(whole), &held); err != nil || held.Person.ID != zoe.PublicID || !strings.Contains(whole, "Chief "+lang) {
		t.Errorf("what is held: %v %.300s", err, whole)
	}

	v.do(d.open("/people/"+zoe.PublicID+"/erase"), chromedp.SendKeys(`#name`, "somebody\r"), chromedp.WaitReady(`[role=alert]`))
	if d.look("acme", uid).PublicID != zoe.PublicID {
		t.Fatal("a wrong name erased them")
	}
	v.do(chromedp.SetValue(`#name`, uid), submit("/erase"), v.read("admin.done.erased"))
	v.shot("console-erased-" + lang)
	if _, text := v.where(); strings.Contains(text, uid) {
		t.Errorf("the page still names them:\n%s", text)
	}
	run := func() *registry.Run {
		run, err := d.s.RunSource(t.Context(), "corp", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual", Actor: "test"})
		must(t, err)
		return run
	}
	if got := run(); got.Counts.Created != 0 {
		t.Errorf("the directory brought them back: %+v", got.Counts)
	}
	v.do(submit("/lift"), v.read("admin.done.lifted"))
	if got := run(); got.Counts.Created != 1 || d.look("acme", uid).PublicID == zoe.PublicID {
		t.Errorf("after it was allowed: %+v", got.Counts)
	}
}
