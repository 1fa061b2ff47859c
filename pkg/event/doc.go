// Package event is what a rollout says of itself: one typed event for each thing that happened, in order.
//
// Terminal, JSON lines, the record, the audit trail and other systems are sinks of the same stream.
// It holds no wording for people; pkg/printer does. Start reading at Event.
package event
