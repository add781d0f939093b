package filter_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/attr/attrtest"
	"github.com/usherd/usher/scim/filter"
)

func TestResolve(t *testing.T) {
	enterprise := attrtest.EnterpriseURI
	for text, want := range map[string]string{
		`USERNAME eq "x"`:                                                     `userName eq "x"`,
		`Name.FAMILYname sw "x"`:                                              `name.familyName sw "x"`,
		attrtest.UserURI + `:userName eq "x"`:                                 `userName eq "x"`,
		strings.ToUpper(attrtest.UserURI) + `:ID pr`:                          `id pr`,
		strings.ToLower(enterprise) + `:Department eq "x" and active eq true`: enterprise + `:department eq "x" and active eq true`,
		`id eq "1" and ` + enterprise + `:manager eq "2"`:                     `id eq "1" and ` + enterprise + `:manager.value eq "2"`,
		`externalID eq "x"`:                                                   `externalId eq "x"`,
		`META.resourcetype eq "User"`:                                         `meta.resourceType eq "User"`,
		`schemas eq "urn:x"`:                                                  `schemas eq "urn:x"`,
		`meta.lastModified ge "2011-05-13T04:42:34Z"`:                         `meta.lastModified ge "2011-05-13T04:42:34Z"`,
		`hired lt "2011-05-13T04:42:34.5+02:00"`:                              `hired lt "2011-05-13T04:42:34.5+02:00"`,
		`roles[Primary eq FALSE]`:                                             `roles[primary eq false]`,
		`emails co "@x"`:                                                      `emails.value co "@x"`,
		`emails.type eq null`:                                                 `emails.type eq null`,
		`emails pr`:                                                           `emails pr`,
		`Emails[TYPE eq "work" and VALUE co "x"]`:                             `emails[type eq "work" and value co "x"]`,
		`name[familyName pr or givenName eq "x"] and title pr`:                `(name.familyName pr or name.givenName eq "x") and title pr`,
		`tags[value eq "x"]`:                                                  `tags[value eq "x"]`,
		`scores[Value gt 5]`:                                                  `scores[value gt 5]`,
		`x509certificates.value eq "aGk="`:                                    `x509Certificates.value eq "aGk="`,
		`age gt 9007199254740993`:                                             `age gt 9007199254740993`,
		`balance le 0.10`:                                                     `balance le 0.10`,
		`not (age ne null)`:                                                   `not (age ne null)`,
	} {
		parsed, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := filter.Resolve(parsed, attrtest.User(), nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		again, err := filter.Resolve(got, attrtest.User(), nil)
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("%s: resolved twice: %v\n%s", text, err, diff)
		}
	}
}

func TestResolveFaults(t *testing.T) {
	for text, says := range map[string]string{
		`active gt true`:                          "type boolean, which operator gt",
		`active co "true"`:                        "operator co",
		`active eq "true"`:                        "true or false, not \"true\"",
		`photo ge "x"`:                            "binary",
		`photo sw "x"`:                            "binary",
		`age co 1`:                                "operator co",
		`age eq "1"`:                              "whole number",
		`age eq 1.5`:                              "whole number",
		`age eq 9223372036854775808`:              "whole number",
		`balance eq 1e999`:                        "a number",
		`hired eq "yesterday"`:                    "a time as",
		`hired sw "2011"`:                         "operator sw",
		`userName eq 5`:                           "string in double quotes, not 5",
		`userName eq true`:                        "string in double quotes, not true",
		`userName gt null`:                        "null compares by eq and ne",
		`name eq "x"`:                             "name is complex",
		`addresses co "x"`:                        "addresses is complex",
		`meta eq "x"`:                             "meta is complex",
		`name.middle eq "x"`:                      "it has: formatted, familyName, givenName",
		`userName.x eq "x"`:                       "it has: none",
		`emails[kind eq "x"]`:                     "emails has no sub-attribute kind",
		`emails[type gt "a" and primary gt true]`: "operator gt",
		`tags[type eq "x"]`:                       "tags has no sub-attribute type",
		`userName[value eq "x"]`:                  "userName has no sub-attribute value",
		`frobs eq "x"`:                            "no attribute frobs in the schemas",
		`department eq "x"`:                       "did you mean " + attrtest.EnterpriseURI + ":department",
		`urn:x:y:userName eq "x"`:                 "did you mean userName",
		attrtest.EnterpriseURI + ` pr`:            "no attribute " + attrtest.EnterpriseURI,
		attrtest.EnterpriseURI + `:userName pr`:   "did you mean userName",
	} {
		parsed, err := filter.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		_, err = filter.Resolve(filter.Or{Left: filter.Not{X: parsed}, Right: parsed}, attrtest.User(), nil)
		var fault *filter.Error
		if !errors.As(err, &fault) || fault.Offset != -1 || !strings.Contains(fault.Error(), says) {
			t.Errorf("%s: got %v, want …%s…", text, err, says)
			continue
		}
		unknown := strings.Contains(says, "no ") || strings.Contains(says, "did you mean") || strings.Contains(says, "it has")
		if (fault.Unknown != "") != unknown {
			t.Errorf("%s: Unknown is %q", text, fault.Unknown)
		}
	}
}

func TestResolveOverSeveralTypes(t *testing.T) {
	all := attr.Union(attrtest.User(), attrtest.Group())
	for _, text := range []string{
		`userName eq "x" or members.value eq "y"`,
		`displayName eq "x" and meta.resourceType eq "Group"`,
		attrtest.EnterpriseURI + `:department pr`,
	} {
		parsed, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := filter.Resolve(parsed, all, nil); err != nil || got.String() != text {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
}

func TestResolvePath(t *testing.T) {
	enterprise := attrtest.EnterpriseURI
	for text, want := range map[string]string{
		`USERname`:                            "userName",
		`name.givenname`:                      "name.givenName",
		attrtest.UserURI + ":name.familyname": "name.familyName",
		strings.ToLower(enterprise):           enterprise,
		enterprise + `:Manager`:               enterprise + ":manager",
		enterprise + `:manager.VALUE`:         enterprise + ":manager.value",
		`EMAILS[Type eq "work"].Value`:        `emails[type eq "work"].value`,
		`emails[type eq "work" and not (primary eq true or value co "x")]`: `emails[type eq "work" and not (primary eq true or value co "x")]`,
		`tags[value eq "x"]`: `tags[value eq "x"]`,
		`emails.value`:       `emails.value`,
		`externalid`:         `externalId`,
	} {
		parsed, err := filter.ParsePath(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := filter.ResolvePath(parsed, attrtest.User(), nil)
		if err != nil || got.String() != want {
			t.Errorf("%s: got %s %v, want %s", text, got, err, want)
		}
	}
	for text, says := range map[string]string{
		`frobs`:                    "no attribute frobs",
		`emails[kind eq "x"]`:      "no sub-attribute kind",
		`emails[type eq "x"].kind`: "no sub-attribute kind",
		`emails[primary gt true]`:  "operator gt",
		`name[familyName eq "x"]`:  "name has one value",
		attrtest.UserURI:           "core schema",
		`urn:x:y`:                  "no attribute urn:x:y",
	} {
		parsed, err := filter.ParsePath(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if got, err := filter.ResolvePath(parsed, attrtest.User(), nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %s, %v, want …%s…", text, got, err, says)
		}
	}
}
