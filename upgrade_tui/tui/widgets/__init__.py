"""What the screens share: lines of spans and the widgets that draw them, charts."""
