// A client or a server of Go's crypto/tls, for tests/peers/programs.rs. It prints the group of the
// handshake, says a line, and prints the line that it hears.
//
//	peer client --address ADDRESS --authority FILE --groups N,N [--chain FILE --key FILE]
//	peer server --chain FILE --key FILE --groups N,N [--authority FILE]
//
// A server with an authority demands a certificate of the client.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

var (
	address   = flag.String("address", "", "the server's address")
	authority = flag.String("authority", "", "the certificate that is trusted")
	chain     = flag.String("chain", "", "our certificate")
	key       = flag.String("key", "", "our private key")
	groups    = flag.String("groups", "", "the numbers of the groups")
)

func main() {
	flag.CommandLine.Parse(os.Args[2:])
	if err := run(os.Args[1]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func run(role string) error {
	config, err := configuration()
	if err != nil {
		return err
	}
	connection, err := connect(role, config)
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.Handshake(); err != nil {
		return err
	}
	state := connection.ConnectionState()
	fmt.Printf("group %d, retried %t\n", state.CurveID, state.HelloRetryRequest)
	if _, err := fmt.Fprintf(connection, "from them\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(connection).ReadString('\n')
	fmt.Print("heard ", line)
	return err
}

func configuration() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: "server.example"}
	for _, number := range strings.Split(*groups, ",") {
		group, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return nil, err
		}
		config.CurvePreferences = append(config.CurvePreferences, tls.CurveID(group))
	}
	if *chain != "" {
		certificate, err := tls.LoadX509KeyPair(*chain, *key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	if *authority != "" {
		pem, err := os.ReadFile(*authority)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		config.RootCAs = pool
		config.ClientCAs = pool
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func connect(role string, config *tls.Config) (*tls.Conn, error) {
	if role == "client" {
		return tls.Dial("tcp", *address, config)
	}
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
