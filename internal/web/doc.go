// Package web owns the frame of every server-rendered page: the layout, the
// languages, the theme, the static files, the security headers, sessions
// around each request, and the pages for what went wrong. A Shell holds it all;
// the pages themselves live in the folders below (web/self) and bring their
// templates and words as Pages.
//
// It does not own what pages do: each folder declares the ports it needs. No
// page needs JavaScript, and the content policy allows none but on the pages that
// say so (Page.Script). Templates are parsed once a language at start, so a broken
// one stops the process there; a page is rendered into a buffer, so a visitor
// never sees half of one.
package web
