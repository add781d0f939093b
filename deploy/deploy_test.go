// Package deploy_test checks that what people copy from this folder works.
package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/usherd/usher/internal/config"
)

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// parse reads a configuration where every file of a secret is there and long
// enough to be a key.
func parse(text string, vars map[string]string) (*config.Config, error) {
	env := func(name string) (string, bool) {
		v, ok := vars[name]
		return v, ok
	}
	secret := func(string) ([]byte, error) { return []byte(strings.Repeat("s", 44) + "\n"), nil }
	return config.Parse("usher.example.yaml", []byte(text), env, secret)
}

// passwords are what the example leaves to the environment.
var passwords = map[string]string{"USHER_SMTP_PASSWORD": "p", "USHER_SOURCE_CORP_BIND_PASSWORD": "p"}

func TestExample(t *testing.T) {
	c, err := parse(read(t, "usher.example.yaml"), passwords)
	if err != nil {
		t.Fatal(err)
	}
	if c.Sources["corp"].LDAP == nil || c.Sources["corp"].SetupMail != config.SetupMailHoldFirst {
		t.Errorf("the example does not say what it says: %+v", c.Sources["corp"])
	}
}

func TestExampleActiveDirectory(t *testing.T) {
	c, err := parse(instead(t, "corp"), passwords)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Sources["corp"].LDAP.Users.Attributes["userName"].Value; got != "userPrincipalName" {
		t.Errorf("userName = %q", got)
	}
}

func TestExampleEntra(t *testing.T) {
	c, err := parse(instead(t, "entra"), passwords)
	if err != nil {
		t.Fatal(err)
	}
	if e := c.Sources["entra"].Entra; e == nil || len(e.Groups.IDs) != 1 {
		t.Errorf("the example does not say what it says: %+v", c.Sources["entra"])
	}
}

// instead returns the example with a source that is commented out in it as its
// only one.
func instead(t *testing.T, name string) string {
	t.Helper()
	general, sources, _ := strings.Cut(read(t, "usher.example.yaml"), "\nsources:\n")
	_, block, found := strings.Cut(sources, "\n  # "+name+":\n")
	if !found {
		t.Fatalf("%s is not in the example", name)
	}
	text := general + "\nsources:\n  " + name + ":\n"
	for line := range strings.Lines(block) {
		line, commented := strings.CutPrefix(line, "  # ")
		if !commented {
			break
		}
		text += "  " + line
	}
	return text
}

// TestExampleSettings reads each setting that the example shows as a
// comment on its own line, one at a time, so that none has a wrong name or form.
func TestExampleSettings(t *testing.T) {
	general, _, _ := strings.Cut(read(t, "usher.example.yaml"), "\n  # Active Directory")
	lines := strings.Split(general, "\n")
	setting := regexp.MustCompile(`^( *)# ([a-z_A-Z]+: .*)$`)
	tried := 0
	for i, line := range lines {
		m := setting.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		tried++
		name, _, _ := strings.Cut(m[2], ":")
		var text []string
		for j, other := range lines {
			switch {
			case j == i:
				text = append(text, m[1]+m[2])
			case !strings.HasPrefix(other, m[1]+name+":"): // the one it stands for goes
				text = append(text, other)
			}
		}
		_, err := parse(strings.Join(text, "\n"), passwords)
		if want := acceptable[name]; err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("line %d: %v", i+1, err)
		}
	}
	if tried < 10 {
		t.Errorf("found only %d settings", tried)
	}
}

// TestExampleBlocks reads the settings that the example shows as comments of several
// lines, all at once.
func TestExampleBlocks(t *testing.T) {
	whole := read(t, "usher.example.yaml")
	general, rest, _ := strings.Cut(whole, "\ncompanies:\n")
	block := regexp.MustCompile(`(?m)^# (intake|teams|oidc):\n(#  .*\n)+`)
	general = block.ReplaceAllStringFunc(general, func(b string) string { return strings.ReplaceAll("\n"+b, "\n# ", "\n") })
	c, err := parse(general+"\ncompanies:\n"+rest, passwords)
	if err != nil {
		t.Fatal(err)
	}
	if c.Intake.Recipients["help@acme.example"] != "acme" || len(c.Teams.Tenants) != 1 || !c.OIDC["acme"].Providers["corp"].Roles.Set() {
		t.Errorf("the example does not say what it says: %+v %+v %+v", c.Intake, c.Teams, c.OIDC)
	}
}

// TestExampleResourceTypes reads the resource types that the example shows as a
// comment.
func TestExampleResourceTypes(t *testing.T) {
	whole := read(t, "usher.example.yaml")
	from := strings.Index(whole, "\n# schemas:\n")
	if from < 0 {
		t.Fatal("the example shows no schemas")
	}
	c, err := parse(whole[:from]+strings.ReplaceAll(whole[from:], "\n# ", "\n"), passwords)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Schemas) < 3 || c.ResourceTypes["Role"].Endpoint != "/Roles" {
		t.Errorf("resource types: %+v", c.ResourceTypes)
	}
}

// acceptable are the faults of settings that cannot stand for themselves.
var acceptable = map[string]string{
	"starttls":           "ldaps:// is encrypted from the start",
	"bind_password_file": "set more than once",
	"database":           "must share a key",
}

// TestCompose loads the example, changed as its notes say, with the environment
// that compose.yaml gives.
func TestCompose(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Environment map[string]string `yaml:"environment"`
			Secrets     []string          `yaml:"secrets"`
		} `yaml:"services"`
		Secrets map[string]struct {
			File string `yaml:"file"`
		} `yaml:"secrets"`
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	service := compose.Services["usher"]
	for name, path := range service.Environment {
		secret, isFile := strings.CutPrefix(path, "/run/secrets/")
		if isFile && !slices.Contains(service.Secrets, secret) {
			t.Errorf("%s: the service is not given %s", name, secret)
		}
	}
	for _, secret := range service.Secrets {
		if compose.Secrets[secret].File == "" {
			t.Errorf("secret %s has no file", secret)
		}
	}
	text := strings.Replace(read(t, "usher.example.yaml"), "\ndatabase: sqlite:usher.db\n", "\n", 1)
	c, err := parse(text, service.Environment)
	if err != nil {
		t.Fatal(err)
	}
	if c.Database.Driver != config.Postgres || c.Database.String() != "postgres://usher:xxxxx@database/usher" {
		t.Errorf("database = %s", c.Database)
	}
}

// TestUnitSettings loads the example with the environment that the unit gives.
func TestUnitSettings(t *testing.T) {
	vars := map[string]string{}
	unit := read(t, "usher.service")
	for _, m := range regexp.MustCompile(`(?m)^Environment=(\w+)=%d/(\w+)$`).FindAllStringSubmatch(unit, -1) {
		vars[m[1]] = "/run/credentials/" + m[2]
		if !strings.Contains(unit, "LoadCredential="+m[2]+":") {
			t.Errorf("%s: nothing loads %s", m[1], m[2])
		}
	}
	c, err := parse(read(t, "usher.example.yaml"), vars)
	if err != nil {
		t.Fatal(err)
	}
	if !c.SecretKey.IsSet() || !c.Mail.SMTP.Password.IsSet() || !c.Sources["corp"].LDAP.BindPassword.IsSet() {
		t.Errorf("secrets are missing; the unit sets %v", vars)
	}
}

func TestUnitVerifies(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd is not installed")
	}
	// The binary is not installed where the unit expects it.
	unit := regexp.MustCompile(`/usr/local/bin/usher [^\n]*`).ReplaceAllString(read(t, "usher.service"), "/bin/true")
	path := filepath.Join(t.TempDir(), "usher.service")
	if err := os.WriteFile(path, []byte(unit), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze: %v\n%s", err, out)
	}
}
