package app

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// slashes are what a client's base URL that ends in one, or two, comes to.
var slashes = regexp.MustCompile(`//+`)

// mountSCIM serves SCIM beside what else there is. It chooses by the path
// itself: http.ServeMux would answer a doubled slash or a dot segment with a
// redirection in HTML, which no identity provider follows with its token.
func mountSCIM(rest, scim http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.EscapedPath()
		if strings.Contains(path, "//") {
			path = slashes.ReplaceAllLiteralString(path, "/")
		}
		below, ok := strings.CutPrefix(path, scimPath)
		plain, err := url.PathUnescape(below)
		if !ok || err != nil || below != "" && below[0] != '/' {
			rest.ServeHTTP(w, r)
			return
		}
		own := new(http.Request)
		*own = *r
		own.URL = new(url.URL)
		*own.URL = *r.URL
		own.URL.Path, own.URL.RawPath = plain, below
		scim.ServeHTTP(w, own)
	})
}
