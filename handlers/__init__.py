"""What happens with a message: channels, conversation, intake, pipeline, delivery. Declares the ports that bot/wiring.py fills."""
