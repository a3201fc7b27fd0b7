import type { Language } from "../locale.ts";

export interface LauncherTexts {
  open: string;
  close: string;
  unread: (count: number) => string;
  failed: string;
}

export const LAUNCHER_TEXTS: Readonly<Record<Language, LauncherTexts>> = {
  en: {
    open: "Open chat",
    close: "Close chat",
    unread: (count) => (count === 1 ? "1 new message" : `${count} new messages`),
    failed: "The chat could not be loaded. Please try again.",
  },
  ko: {
    open: "채팅 열기",
    close: "채팅 닫기",
    unread: (count) => `새 메시지 ${count}개`,
    failed: "채팅을 불러오지 못했습니다. 다시 시도해 주세요.",
  },
  zh: {
    open: "打开聊天",
    close: "关闭聊天",
    unread: (count) => `${count} 条新消息`,
    failed: "聊天加载失败，请重试。",
  },
};
