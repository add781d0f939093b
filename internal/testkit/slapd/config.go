package slapd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// schemaDirs and moduleDirs are where distributions keep OpenLDAP's files.
var (
	schemaDirs = []string{"/etc/ldap/schema", "/etc/openldap/schema", "/usr/local/etc/openldap/schema"}
	moduleDirs = []string{"/usr/lib/ldap", "/usr/lib64/openldap", "/usr/lib/openldap", "/usr/local/libexec/openldap"}
)

// config writes slapd.conf(5). The old format is used because one file says it
// all; the config database is still there, so that limits can change at run time.
func (s *Server) config() (string, error) {
	schema, ok := firstDir(schemaDirs, "core.schema")
	if !ok {
		return "", errors.New("OpenLDAP's schema files are not installed")
	}
	var b strings.Builder
	put := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	for _, name := range []string{"core", "cosine", "inetorgperson", "nis"} {
		put("include %s/%s.schema", schema, name)
	}
	put("pidfile %s", filepath.Join(s.dir, "slapd.pid"))
	put("argsfile %s", filepath.Join(s.dir, "slapd.args"))
	put("sockbuf_max_incoming_auth 67108863") // room for the 5 MB attribute
	put("sockbuf_max_incoming 67108863")
	if modules, ok := firstDir(moduleDirs, "back_mdb.so"); ok {
		put("modulepath %s", modules)
		for _, m := range s.modules() {
			put("moduleload %s", m)
		}
	}
	if s.opts.TLS {
		put("TLSCACertificateFile %s", s.CAFile)
		put("TLSCertificateFile %s", s.files.Cert)
		put("TLSCertificateKeyFile %s", s.files.Key)
	}
	put("database config\nrootpw %s", RootPassword)
	put("database mdb\nsuffix %q\nrootdn %q\nrootpw %s", BaseDN, RootDN, RootPassword)
	put("directory %s\nmaxsize 8589934592", filepath.Join(s.dir, "db"))
	if !s.opts.Sync {
		put("dbnosync")
	}
	limits := s.opts.Limits
	if limits == "" {
		limits = Unlimited
	}
	put("limits dn.exact=%q %s", ReaderDN, limits)
	put("index objectClass,uid,member,memberUid,entryUUID eq")
	put("access to attrs=userPassword by anonymous auth by self write by * none")
	put("access to * by * read")
	put("overlay ppolicy") // for pwdAccountLockedTime
	if s.opts.MemberOf {
		put("overlay memberof")
	}
	return b.String(), nil
}

func (s *Server) modules() []string {
	m := []string{"back_mdb", "ppolicy"}
	if s.opts.MemberOf {
		m = append(m, "memberof")
	}
	return m
}

// firstDir finds the first folder that holds the file.
func firstDir(dirs []string, file string) (string, bool) {
	for _, d := range dirs {
		if _, err := os.Stat(filepath.Join(d, file)); err == nil {
			return d, true
		}
	}
	return "", false
}
