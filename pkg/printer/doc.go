// Package printer shows events, plans and records: as lines for people, as JSON lines, as tables.
//
// It decides nothing and changes nothing. Text from the cluster is made harmless here before a terminal sees it.
// Start reading at Text.
package printer
