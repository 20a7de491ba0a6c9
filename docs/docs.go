// Package docs keeps the documentation true: its tests compare these pages with the program.
//
// It must not hold code that anything else needs.
package docs
