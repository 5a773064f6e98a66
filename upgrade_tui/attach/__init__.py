"""What every client of a window needs: protocol, socket, client, session, and how a conductor is started."""
