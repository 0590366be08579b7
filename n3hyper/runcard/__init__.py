"""The typed runcard: what a user wrote, validated key by key."""
