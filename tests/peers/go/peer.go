// A client or a server of Go's crypto/tls, for tests/peers/go.rs. It says a line and prints the line that
// it hears.
//
//	peer client ADDRESS AUTHORITY.pem GROUP...
//	peer server CHAIN.pem KEY.pem GROUP...
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func run(role, first, second string, names []string) error {
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: "server.example"}
	for _, name := range names {
		group, err := strconv.ParseUint(name, 10, 16)
		if err != nil {
			return err
		}
		config.CurvePreferences = append(config.CurvePreferences, tls.CurveID(group))
	}
	connection, err := connect(role, first, second, config)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.Handshake(); err != nil {
		return err
	}
	state := connection.ConnectionState()
	fmt.Printf("group %d, retried %t\n", state.CurveID, state.HelloRetryRequest)
	if _, err := fmt.Fprintf(connection, "from Go\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	fmt.Print("heard ", line)
	return err
}

func connect(role, first, second string, config *tls.Config) (*tls.Conn, error) {
	if role == "client" {
		authority, err := os.ReadFile(second)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(authority)
		return tls.Dial("tcp", first, config)
	}
	certificate, err := tls.LoadX509KeyPair(first, second)
	if err != nil {
		return nil, err
	}
	config.Certificates = []tls.Certificate{certificate}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	fmt.Println("port", listener.Addr().(*net.TCPAddr).Port)
	socket, err := listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(socket, config), nil
}
